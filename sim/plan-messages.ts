import { liveBodyOf } from '../src/contracts/live-body.ts';
import type { Chance } from './chance.ts';
import type { PlannedRow, Publication, Step } from './plan.ts';
import { timeText } from './servers/sim-tables.ts';

/** A false message comes after the true one: before it, it would be the first payload, and the true one the false one. */
const AFTER_MS = 20;

/** Of a row that is committed after its message was published. Well below what the tries of a deferral add up to. */
const LATE_MS = { from: 100, to: 600 };

interface Earlier {
  readonly atMs: number;
  readonly row: PlannedRow;
  readonly originalId: string | null;
}

/** A stream as the Go API and other producers make it, with everything that goes wrong there. */
export class Messages {
  readonly #chance: Chance;
  readonly #accounts: readonly string[];
  readonly #cards: ReadonlyMap<string, string>;
  readonly #startMs: number;
  readonly #earlier: Earlier[] = [];

  constructor(
    chance: Chance,
    accounts: readonly string[],
    cards: ReadonlyMap<string, string>,
    startMs: number,
  ) {
    this.#chance = chance;
    this.#accounts = accounts;
    this.#cards = cards;
    this.#startMs = startMs;
  }

  /** One message, or two where it is published twice. */
  next(atMs: number): readonly Step[] {
    const dice = this.#chance.next();
    if (dice < 0.03) return [this.#poison(atMs)];
    if (dice < 0.05) return [this.#withoutRow(atMs)];
    if (dice < 0.07) return [this.#sameKey(atMs)];
    if (dice < 0.09) return [this.#mismatch(atMs)];
    if (dice < 0.17) return [this.#documented(atMs)];
    if (dice < 0.2) return [this.#lateRow(atMs)];
    const step = this.#live(atMs);
    if (!this.#chance.happens(0.08)) return [step];
    const again = { ...step, atMs: atMs + this.#chance.between(0, 6_000), row: null, what: 'the same again' };
    return step.isSent ? [step, again] : [step];
  }

  #live(atMs: number): Publication {
    const { row, originalId } = this.#payment(atMs);
    const body = this.#liveBody(row, originalId, atMs);
    const isSent = !this.#chance.happens(0.03);
    const what = `${row.type} of ${row.amountCents}`;
    return { ...this.#step(atMs, what, body, row.transactionId), row, isSent, expected: 'decision' };
  }

  /** Nothing false is made of it: before its row a false message would be the first payload. */
  #lateRow(atMs: number): Step {
    const rowLateMs = this.#chance.between(LATE_MS.from, LATE_MS.to);
    const step = { ...this.#live(atMs), isSent: true, rowLateMs };
    this.#earlier.pop();
    return { ...step, what: `${step.what}, before its row` };
  }

  #documented(atMs: number): Step {
    const { row, originalId } = this.#payment(atMs);
    const body = this.#documentedBody(row, originalId, atMs);
    const step = this.#step(atMs, `documented ${row.type} of ${row.amountCents}`, body, row.transactionId);
    return { ...step, durability: 'persistent', expected: 'decision' };
  }

  /** Another id under the key of an earlier one. */
  #sameKey(atMs: number): Step {
    const earlier = this.#earlier.length === 0 ? null : this.#chance.pick(this.#earlier);
    if (earlier === null) return this.#live(atMs);
    const row = { ...earlier.row, transactionId: this.#chance.uuid() };
    const body = this.#documentedBody(row, earlier.originalId, atMs);
    return {
      ...this.#step(Math.max(atMs, earlier.atMs + AFTER_MS), 'a used key', body, row.transactionId),
      expected: 'anything',
    };
  }

  /** The id of an earlier one with another amount. */
  #mismatch(atMs: number): Step {
    const earlier = this.#earlier.length === 0 ? null : this.#chance.pick(this.#earlier);
    if (earlier === null) return this.#live(atMs);
    const row = { ...earlier.row, amountCents: earlier.row.amountCents + 1n };
    const body = this.#liveBody(row, earlier.originalId, atMs);
    return {
      ...this.#step(Math.max(atMs, earlier.atMs + AFTER_MS), 'another payload under a used id', body, null),
      expected: 'anything',
    };
  }

  #poison(atMs: number): Step {
    const tag = this.#chance.uuid();
    const body = this.#chance.pick([`{"broken ${tag}`, `{"id":"${tag}","amount_cents":-1}`, `["${tag}"]`]);
    return { ...this.#step(atMs, 'poison', Buffer.from(body), null), expected: 'letter' };
  }

  #withoutRow(atMs: number): Step {
    const { row } = this.#payment(atMs);
    const isUnknown = this.#chance.happens(0.5);
    const given = isUnknown ? { ...row, accountId: this.#chance.uuid() } : row;
    this.#earlier.pop();
    const body = this.#liveBody({ ...given, type: 'DEPOSIT', cardId: null }, null, atMs);
    const what = isUnknown ? 'of an unknown account' : 'without its row';
    return { ...this.#step(atMs, what, body, row.transactionId), expected: 'letter' };
  }

  #step(atMs: number, what: string, body: Buffer, transactionId: string | null): Publication {
    const common = { atMs, kind: 'publish', what, body, transactionId, queue: 'transactions_queue' } as const;
    return {
      ...common,
      durability: 'transient',
      row: null,
      rowLateMs: 0,
      isSent: true,
      expected: 'anything',
    };
  }

  #payment(atMs: number): Earlier {
    const chance = this.#chance;
    // A few accounts are hot.
    const accountId = chance.happens(0.5) ? (this.#accounts[0] ?? '') : chance.pick(this.#accounts);
    const transactionId = chance.uuid();
    const type = chance.pick(['DEPOSIT', 'DEPOSIT', 'PURCHASE', 'PURCHASE', 'CHARGE', 'REFUND'] as const);
    const original = type === 'REFUND' ? this.#original(accountId) : null;
    const amountCents =
      original === null ? BigInt(chance.whole(1, 900)) : this.#part(original.row.amountCents);
    const cardId = type === 'PURCHASE' && chance.happens(0.5) ? this.#card(accountId) : null;
    const row = {
      transactionId,
      accountId,
      type,
      cardId,
      amountCents,
      idempotencyKey: `key-${transactionId}`,
    };
    const payment = {
      atMs,
      row,
      originalId: original?.row.transactionId ?? (type === 'REFUND' ? chance.uuid() : null),
    };
    this.#earlier.push(payment);
    return payment;
  }

  /** The steps are sorted by time afterwards, so that a refund may well come before its original. */
  #original(accountId: string): Earlier | null {
    const own = this.#earlier.filter(({ row }) => row.accountId === accountId);
    return own.length === 0 ? null : this.#chance.pick(own);
  }

  #part(cents: bigint): bigint {
    return this.#chance.happens(0.5) ? cents : cents / 2n + 1n;
  }

  #card(accountId: string): string {
    const all = [...this.#cards];
    const own = all.filter(([, owner]) => owner === accountId);
    if (this.#chance.happens(0.1)) return this.#chance.uuid();
    const [card] = this.#chance.pick(own.length > 0 && this.#chance.happens(0.9) ? own : all);
    return card;
  }

  #liveBody(row: PlannedRow, originalId: string | null, atMs: number): Buffer {
    const createdAt = timeText(this.#startMs + atMs);
    const { transactionId: id, accountId, cardId, amountCents, type, idempotencyKey } = row;
    return liveBodyOf({ id, accountId, cardId, amountCents, type, idempotencyKey, originalId, createdAt });
  }

  #documentedBody(row: PlannedRow, originalId: string | null, atMs: number): Buffer {
    return Buffer.from(
      JSON.stringify({
        transaction_id: row.transactionId,
        account_id: row.accountId,
        card_id: row.cardId,
        refund_transaction_id: originalId,
        amount_cents: Number(row.amountCents),
        transaction_type: row.type,
        idempotency_key: row.idempotencyKey,
        timestamp: timeText(this.#startMs + atMs),
      }),
    );
  }
}
