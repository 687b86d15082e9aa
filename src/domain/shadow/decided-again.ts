import { TRANSACTION_TYPES } from '../../contracts/command.ts';
import type { TransactionCommand } from '../../contracts/command.ts';
import { decodeMessage } from '../../contracts/decode.ts';
import { liveBodyOf } from '../../contracts/live-body.ts';
import type { OriginalFact } from '../account.ts';
import { decideRun } from '../decide.ts';
import type { DecideOptions } from '../decide.ts';
import { knownDifference } from './known-difference.ts';
import type { Comparison, Told } from './names.ts';
import { Movements } from './movements.ts';
import { OverwrittenRefunds } from './overwritten-refunds.ts';
import { effectOf, originalOf } from './table-row.ts';
import type { DecidedRow, Standing, StandingAccount, TableRow } from './table-row.ts';

/** What came shortly before the rows, or longer ago as far as it still counts. */
export interface Before {
  readonly movements: Movements;
  readonly overwritten: OverwrittenRefunds;
}

export const nothingBefore = (): Before => ({
  movements: new Movements(),
  overwritten: new OverwrittenRefunds(),
});

/**
 * Decides rows again that somebody else has decided, one after the other in the order in which that happened.
 *
 * S1. No I/O. Each row is judged from what the *table* says was before it, so a difference has no consequences: the next row begins
 *     with what they decided, not with what we would have. But of a refund counts what was asked for: here the rest is still left.
 * S2. The code that judges is the one that a node decides with (`decideRun`), without rules: limits are nothing that the old
 *     processor could know.
 * S3. What the table cannot say (a target, an order) is named, and never taken for agreement or for a difference.
 */
export class DecidedAgain {
  readonly #standing: Standing;
  readonly #options: DecideOptions;
  /** What these rows have changed of the standing. */
  readonly #accounts = new Map<string, StandingAccount>();
  readonly #originals = new Map<string, OriginalFact>();
  readonly #movements: Movements;
  readonly #overwritten: OverwrittenRefunds;
  /** Decided after the row that is looked at. */
  readonly #toCome: Set<string>;

  constructor(
    rows: readonly TableRow[],
    standing: Standing,
    options: DecideOptions,
    { movements, overwritten }: Before = nothingBefore(),
  ) {
    this.#standing = standing;
    this.#options = options;
    this.#toCome = new Set(rows.map(({ id }) => id));
    this.#overwritten = overwritten;
    this.#movements = movements.followedBy(
      rows.flatMap((row) => {
        const effect = this.#effectOf(row);
        return effect === null || row.accountId === null ? [] : [{ accountId: row.accountId, effect }];
      }),
    );
  }

  /** Each row is to be compared or passed once, in their order. */
  compare(decided: DecidedRow): Comparison {
    const comparison = this.#compare(decided);
    this.pass(decided.row);
    this.#rememberOverwritten(decided);
    return comparison;
  }

  /** Takes the row's effect, as they decided it. */
  pass(row: TableRow): void {
    const { accountId, originalId } = row;
    this.#toCome.delete(row.id);
    this.#originals.set(row.id, { ...originalOf(row), refundedCents: this.#refunded(row.id) });
    const effect = this.#effectOf(row);
    if (effect === null || accountId === null) return;
    const account = this.#account(accountId);
    const original = row.type === 'REFUND' && originalId !== null ? this.#original(originalId) : null;
    const isCharge = row.type === 'CHARGE' || original?.type === 'CHARGE';
    this.#accounts.set(accountId, {
      balanceCents: account.balanceCents + effect,
      chargesCents: account.chargesCents + (isCharge ? effect : 0n),
      hasRefunds: account.hasRefunds || row.type === 'REFUND',
    });
    this.#movements.take(accountId, effect);
    if (original !== null)
      this.#originals.set(original.transactionId, {
        ...original,
        refundedCents: original.refundedCents + row.amountCents,
      });
  }

  /** What those that come next need of these. */
  before(): Before {
    return { movements: this.#movements.latest(), overwritten: this.#overwritten };
  }

  #rememberOverwritten({ row, askedCents }: DecidedRow): void {
    const { type, status, originalId, amountCents } = row;
    if (type !== 'REFUND' || status !== 'APPROVED' || originalId === null || askedCents === null) return;
    if (amountCents > askedCents) this.#overwritten.add(originalId, amountCents - askedCents);
  }

  #compare({ row, askedCents }: DecidedRow): Comparison {
    const command = commandOf(row, askedCents);
    if (row.status !== 'APPROVED' && row.status !== 'REJECTED')
      return row.status === 'ERROR' ? notCompared('given-up') : unknown(row, NOT_A_STATUS);
    if (command === null)
      return row.status === 'REJECTED' ? notCompared('row-invalid') : unknown(row, NO_TRANSACTION);
    if (command.type === 'REFUND' && command.originalId === null) return this.#withoutTarget(row);
    return this.#decide(command, row, askedCents);
  }

  #withoutTarget(row: TableRow): Comparison {
    if (row.status === 'APPROVED')
      return unknown(row, { ...NO_TRANSACTION, reason: 'REFUND_TARGET_MISSING' });
    const { hasRefunds } = this.#account(row.accountId ?? '');
    return notCompared(hasRefunds ? 'second-refund-likely' : 'refund-target-unknown');
  }

  #decide(command: TransactionCommand, row: TableRow, askedCents: bigint | null): Comparison {
    const { balanceCents, chargesCents } = this.#account(command.accountId);
    const original = command.originalId === null ? null : this.#asWeWould(command.originalId);
    const originals =
      original === null ? new Map<string, OriginalFact>() : new Map([[original.transactionId, original]]);
    const [verdict] = decideRun(
      { accountId: command.accountId, balanceCents, seq: 0n, status: 'active', overdraftCents: 0n },
      [{ command, originalWaitOver: false, receivedAtMs: Date.parse(command.occurredAt) }],
      { cards: this.#standing.cards, originals },
      this.#options,
    );
    if (verdict === undefined || verdict.kind === 'deferred') return notCompared('original-undecided');
    const { outcome, reason, requestedCents } = verdict.decision;
    const ours: Told = { status: outcome, cents: requestedCents, reason };
    const theirs: Told = { status: row.status, cents: row.amountCents, reason: null };
    if (outcome === row.status && (outcome === 'REJECTED' || requestedCents === row.amountCents))
      return this.#agreement(command, row, askedCents);
    const name = knownDifference({
      type: command.type,
      theirs,
      ours,
      original,
      askedCents,
      balanceCents,
      chargesCents,
    });
    if (name !== null) return { kind: 'known', name, theirs, ours };
    return this.#isOrder(command, theirs, ours, balanceCents)
      ? notCompared('order')
      : { kind: 'unknown', theirs, ours };
  }

  #agreement(command: TransactionCommand, row: TableRow, askedCents: bigint | null): Comparison {
    const isAmountOpen =
      command.type === 'REFUND' &&
      row.status === 'APPROVED' &&
      askedCents === null &&
      this.#options.refundAmount === 'message';
    return isAmountOpen ? notCompared('refund-amount-unknown') : { kind: 'agrees' };
  }

  /** Whether they may have seen a balance that explains it, since others of the account were decided at about the same time. */
  #isOrder(command: TransactionCommand, theirs: Told, ours: Told, balanceCents: bigint): boolean {
    const { lowest, highest } = this.#movements.bounds(command.accountId, balanceCents);
    if (theirs.status === 'APPROVED') return ours.reason === 'INSUFFICIENT_FUNDS' && highest >= theirs.cents;
    return command.type === 'PURCHASE' && ours.status === 'APPROVED' && lowest < ours.cents;
  }

  /** With what is left of it here. */
  #asWeWould(id: string): OriginalFact {
    const original = this.#original(id);
    if (this.#options.refundAmount === 'original') return original;
    const refundedCents = original.refundedCents - this.#overwritten.extraCents(id);
    return { ...original, refundedCents: refundedCents > 0n ? refundedCents : 0n };
  }

  #refunded(id: string): bigint {
    return (this.#originals.get(id) ?? this.#standing.originals.get(id))?.refundedCents ?? 0n;
  }

  /** null: not approved, none of the contract's types, or a refund of nothing. */
  #effectOf(row: TableRow): bigint | null {
    if (row.status !== 'APPROVED') return null;
    const type = TRANSACTION_TYPES.find((known) => known === row.type);
    if (type === undefined) return null;
    if (type !== 'REFUND') return effectOf(type, row.amountCents, null);
    const original = row.originalId === null ? null : this.#original(row.originalId);
    return original === null ? null : effectOf(type, row.amountCents, original.type);
  }

  #account(accountId: string): StandingAccount {
    return (
      this.#accounts.get(accountId) ??
      this.#standing.accounts.get(accountId) ?? { balanceCents: 0n, chargesCents: 0n, hasRefunds: false }
    );
  }

  #original(id: string): OriginalFact {
    const original = this.#originals.get(id) ?? this.#standing.originals.get(id);
    if (original === undefined) throw new Error(`the original ${id} was not read`);
    return this.#toCome.has(id) ? { ...original, status: 'PENDING' } : original;
  }
}

const NOT_A_STATUS: Told = { status: 'none of the contract', cents: 0n, reason: null };
const NO_TRANSACTION: Told = { status: 'ERROR', cents: 0n, reason: 'ROW_INVALID' };

function notCompared(why: Extract<Comparison, { kind: 'not-compared' }>['why']): Comparison {
  return { kind: 'not-compared', why };
}

function unknown(row: TableRow, ours: Told): Comparison {
  return { kind: 'unknown', theirs: { status: row.status, cents: row.amountCents, reason: null }, ours };
}

/** The message that the row stands for, through the decoder of all messages; null: it is none. */
function commandOf(row: TableRow, askedCents: bigint | null): TransactionCommand | null {
  const amountCents = askedCents ?? row.amountCents;
  const decoded = decodeMessage('transactions_queue', liveBodyOf({ ...row, amountCents }));
  if (!decoded.ok || decoded.command.kind !== 'transaction') return null;
  return decoded.command;
}
