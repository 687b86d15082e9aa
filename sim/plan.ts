import type { InboundQueue } from '../src/contracts/queues.ts';
import { liveBodyOf } from '../src/contracts/live-body.ts';
import type { TransactionType } from '../src/contracts/command.ts';
import { Chance } from './chance.ts';
import { timeText } from './servers/sim-tables.ts';
import type { LinkQuality } from './servers/sim-link.ts';
import type { ServerName } from './sim-node.ts';

export const NODE_NAMES = ['n1', 'n2', 'n3'] as const;
export type NodeName = (typeof NODE_NAMES)[number];

/** What ought to become of a message: a decision, a dead letter, or whatever (a repeat under another id). */
export type Expected = 'decision' | 'letter' | 'anything';

export interface PlannedRow {
  readonly transactionId: string;
  readonly accountId: string;
  readonly type: TransactionType;
  readonly cardId: string | null;
  readonly amountCents: bigint;
  readonly idempotencyKey: string;
}

/** One thing that is done to the cluster. `atMs`: since the beginning. */
export type Step = { readonly atMs: number } & (
  | {
      readonly kind: 'publish';
      readonly what: string;
      readonly queue: InboundQueue;
      readonly body: Buffer;
      readonly durability: 'transient' | 'persistent';
      /** Committed by the Go API before it publishes; null: no row. */
      readonly row: PlannedRow | null;
      /** false: the Go API dies before it publishes. */
      readonly isSent: boolean;
      readonly expected: Expected;
      readonly transactionId: string | null;
    }
  | { readonly kind: 'crash'; readonly node: NodeName; readonly forMs: number }
  | { readonly kind: 'drain'; readonly node: NodeName; readonly forMs: number }
  | { readonly kind: 'freeze'; readonly node: NodeName; readonly forMs: number }
  | {
      readonly kind: 'link';
      readonly node: NodeName;
      readonly server: ServerName;
      readonly quality: Exclude<LinkQuality, 'up'>;
      readonly forMs: number;
    }
  | { readonly kind: 'restart'; readonly server: ServerName; readonly forMs: number }
  | { readonly kind: 'flush' }
  | { readonly kind: 'post'; readonly fate: 'lossy' | 'doubling'; readonly forMs: number }
);

/** All that a run does, made from its seed alone; parts of it may be left out to find the shortest story. */
export interface Plan {
  readonly seed: number;
  readonly accounts: readonly string[];
  /** Card → account. */
  readonly cards: ReadonlyMap<string, string>;
  readonly steps: readonly Step[];
}

export const WORK_FROM_MS = 4_000;
export const WORK_UNTIL_MS = 20_000;
/** All faults are over by then. */
export const HEALED_AT_MS = 32_000;
/** Everything must be at rest by then. */
export const REST_BY_MS = 140_000;

export function planOf(seed: number, startMs: number): Plan {
  const chance = new Chance(seed);
  const accounts = Array.from({ length: chance.whole(2, 10) }, () => chance.uuid());
  const cards = new Map(accounts.slice(0, 4).map((account) => [chance.uuid(), account]));
  const messages = new Messages(chance, accounts, cards, startMs);
  const times = new Times(chance);
  const work = Array.from({ length: chance.whole(40, 160) }, () => messages.next(times.ofMessage()));
  const faults = Array.from({ length: chance.whole(0, 7) }, () => faultOf(chance, times.ofFault()));
  const steps = [...work.flat(), ...faults].sort((a, b) => a.atMs - b.atMs);
  return { seed, accounts, cards, steps };
}

/** When messages and faults come: spread over the run, or most of them together, so that there is a backlog when something happens. */
class Times {
  readonly #chance: Chance;
  readonly #bursts: readonly number[];
  readonly #burstMs: number;

  constructor(chance: Chance) {
    this.#chance = chance;
    const count = chance.happens(0.4) ? 0 : chance.whole(1, 6);
    this.#bursts = Array.from({ length: count }, () => this.#anywhere());
    this.#burstMs = chance.pick([60, 300, 1_500]);
  }

  ofMessage(): number {
    if (this.#bursts.length === 0 || this.#chance.happens(0.2)) return this.#anywhere();
    return this.#chance.pick(this.#bursts) + this.#chance.between(0, this.#burstMs);
  }

  ofFault(): number {
    const isAnywhere = this.#bursts.length === 0 || this.#chance.happens(0.4);
    if (isAnywhere) return this.#chance.between(WORK_FROM_MS - 1_000, WORK_UNTIL_MS + 2_000);
    return this.#chance.pick(this.#bursts) + this.#chance.between(-500, this.#burstMs);
  }

  #anywhere(): number {
    return this.#chance.between(WORK_FROM_MS, WORK_UNTIL_MS);
  }
}

function faultOf(chance: Chance, atMs: number): Step {
  const node = chance.pick(NODE_NAMES);
  const forMs = Math.min(chance.between(300, 14_000), HEALED_AT_MS - atMs - 1);
  switch (chance.whole(0, 9)) {
    case 0:
      return { atMs, kind: 'crash', node, forMs };
    case 1:
      return { atMs, kind: 'drain', node, forMs };
    case 2:
    case 3:
      return { atMs, kind: 'freeze', node, forMs };
    case 4:
    case 5:
    case 6: {
      const server = chance.pick(['postgres', 'broker', 'redis'] as const);
      const quality = chance.pick(['slow', 'flaky', 'deaf', 'cut'] as const);
      return { atMs, kind: 'link', node, server, quality, forMs };
    }
    case 7: {
      const server = chance.pick(['postgres', 'broker', 'redis'] as const);
      return { atMs, kind: 'restart', server, forMs: Math.min(forMs, 4_000) };
    }
    case 8:
      return { atMs, kind: 'flush' };
    default:
      return { atMs, kind: 'post', fate: chance.pick(['lossy', 'doubling'] as const), forMs };
  }
}

/** A false message comes after the true one: before it, it would be the first payload, and the true one the false one. */
const AFTER_MS = 20;

interface Earlier {
  readonly atMs: number;
  readonly row: PlannedRow;
  readonly originalId: string | null;
}

/** A stream as the Go API and other producers make it, with everything that goes wrong there. */
class Messages {
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
    const step = this.#live(atMs);
    if (!this.#chance.happens(0.08)) return [step];
    const again = { ...step, atMs: atMs + this.#chance.between(0, 6_000), row: null, what: 'the same again' };
    return step.isSent ? [step, again] : [step];
  }

  #live(atMs: number): Extract<Step, { kind: 'publish' }> {
    const { row, originalId } = this.#payment(atMs);
    const body = this.#liveBody(row, originalId, atMs);
    const isSent = !this.#chance.happens(0.03);
    const what = `${row.type} of ${row.amountCents}`;
    return { ...this.#step(atMs, what, body, row.transactionId), row, isSent, expected: 'decision' };
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

  #step(
    atMs: number,
    what: string,
    body: Buffer,
    transactionId: string | null,
  ): Extract<Step, { kind: 'publish' }> {
    const common = { atMs, kind: 'publish', what, body, transactionId, queue: 'transactions_queue' } as const;
    return { ...common, durability: 'transient', row: null, isSent: true, expected: 'anything' };
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
