import type { OperatorAction } from '../../src/contracts/command.ts';
import type { PendingRow } from '../../src/contracts/live-body.ts';
import type { AccountState } from '../../src/domain/account.ts';
import type { StoredTransaction } from '../../src/domain/identity.ts';
import { LIMITS } from '../../src/limits.ts';
import type { CardTotal, RoadDecision } from '../../src/ports/ledger.ts';
import type { OutboxDue, DeadLetter, ParkedRow, Retry } from '../../src/ports/stores.ts';
import { FakeShardRows } from '../../test/support/fakes/fake-directory.ts';
import type { VirtualTime } from '../virtual-time.ts';
import type { ServerState } from './sim-link.ts';

/** A row of `transactions`. */
export interface SimRow {
  readonly transactionId: string;
  readonly accountId: string;
  readonly type: StoredTransaction['type'];
  readonly cardId: string | null;
  readonly idempotencyKey: string | null;
  readonly createdAtMs: number;
  readonly createdAt: string;
  amountCents: bigint;
  originalId: string | null;
  status: StoredTransaction['status'];
}

export interface JournalRow {
  readonly accountId: string;
  readonly decision: RoadDecision;
  readonly epoch: bigint;
  /** Incarnation. */
  readonly writer: string;
  readonly decidedAtMs: number;
}

/** An operator's order that was carried out. */
export interface OrderRow {
  readonly accountId: string;
  readonly orderId: string;
  readonly action: OperatorAction;
  readonly seq: bigint;
  /** Signed. */
  readonly amountCents: bigint;
  /** As it left the account. */
  readonly state: AccountState;
  /** Incarnation. */
  readonly writer: string;
}

export interface Letter extends DeadLetter {
  readonly id: bigint;
  state: 'open' | 'replayed';
}

export interface OutboxRow {
  readonly id: bigint;
  readonly incarnation: string;
  readonly accountIds: readonly string[];
  readonly cardIds: readonly string[];
  readonly createdAtMs: number;
  due: OutboxDue;
  /** Somebody works on it, and holds its lock. */
  lockedBy: string | null;
}

/** The simulated PostgreSQL: what is committed. Every change to it is one commit, made at one moment. */
export class SimTables implements ServerState {
  isUp = true;
  readonly time: VirtualTime;
  /** The Go API's. */
  readonly accounts = new Set<string>();
  readonly cards = new Map<string, string>();
  readonly rows = new Map<string, SimRow>();
  readonly keys = new Map<string, string>();
  /** Ours. */
  readonly states = new Map<string, AccountState>();
  readonly journal: JournalRow[] = [];
  readonly decided = new Map<string, JournalRow>();
  readonly journals = new Map<string, JournalRow[]>();
  readonly orders = new Map<string, OrderRow>();
  /** Quarantined accounts, as they were before. */
  readonly setAside = new Map<string, AccountState>();
  readonly cardTotals = new Map<string, CardTotal>();
  readonly shards = new FakeShardRows();
  /** Of each shard, the epoch that was raised in nobody's name. */
  readonly endedEpochs = new Map<number, bigint>();
  readonly retries = new Map<string, Retry>();
  readonly parked: ParkedRow[] = [];
  readonly letters: Letter[] = [];
  readonly outbox = new Map<bigint, OutboxRow>();
  sweepMarkMs: number | null = null;
  sweeper: { readonly incarnation: string; readonly askedAtMs: number } | null = null;
  /** For the checks: transactions that were ever deferred, or parked. */
  readonly everWaited = new Set<string>();
  /** For the checks: how often each transaction was deferred. */
  readonly tries = new Map<string, number>();
  /** Accounts whose row somebody holds, for longer than a commit waits. */
  readonly locked = new Set<string>();
  /** How often whoever reads the account is still to throw. */
  readonly throwing = new Map<string, number>();
  readonly #counts = { outbox: 0n, parked: 0n, letters: 0n };

  constructor(time: VirtualTime) {
    this.time = time;
  }

  next(sequence: 'outbox' | 'parked' | 'letters'): bigint {
    return (this.#counts[sequence] += 1n);
  }

  stateOf(accountId: string): AccountState | null {
    if (!this.accounts.has(accountId)) return null;
    const fresh = { accountId, balanceCents: 0n, seq: 0n, status: 'active', overdraftCents: 0n } as const;
    return this.states.get(accountId) ?? fresh;
  }

  addRow(row: SimRow): void {
    this.rows.set(row.transactionId, row);
    if (row.idempotencyKey !== null) this.keys.set(row.idempotencyKey, row.transactionId);
  }

  /** Decisions and orders of the account, as they add up. */
  journalSum(accountId: string): { readonly cents: bigint; readonly rows: bigint; readonly seq: bigint } {
    const entries = [
      ...(this.journals.get(accountId) ?? []).map(({ decision }) => decision),
      ...[...this.orders.values()].filter((order) => order.accountId === accountId),
    ];
    return {
      cents: entries.reduce((sum, { amountCents }) => sum + amountCents, 0n),
      rows: BigInt(entries.length),
      seq: entries.reduce((last, { seq }) => (seq > last ? seq : last), 0n),
    };
  }

  /** Whether balance and seq are what the journal says. */
  isExplained({ accountId, balanceCents, seq }: AccountState): boolean {
    const sum = this.journalSum(accountId);
    return sum.cents === balanceCents && sum.seq === seq && sum.rows === seq;
  }

  /** The decision, else the row. */
  storedOf(transactionId: string): StoredTransaction | null {
    const entry = this.decided.get(transactionId);
    if (entry !== undefined) return storedDecision(entry);
    const row = this.rows.get(transactionId);
    if (row === undefined) return null;
    const isKnown = row.type !== 'REFUND' || row.originalId !== null;
    return { ...row, originalId: isKnown ? row.originalId : undefined, reason: null };
  }

  /** A process, or its connection, is gone: so are its locks. */
  endSessions(incarnation: string): void {
    if (this.sweeper?.incarnation === incarnation) this.sweeper = null;
    for (const row of this.outbox.values())
      if (row.lockedBy?.startsWith(incarnation) === true) row.lockedBy = null;
  }

  /** As `processor.is_cared_for`: of an open letter about a missing row only a refund's counts, since it alone knows the target. */
  isCaredFor({ transactionId, accountId, type, originalId }: SimRow): boolean {
    const isOfRefund = type === 'REFUND' && originalId === null;
    const hasLetter = this.letters.some(
      (letter) =>
        letter.transactionId === transactionId &&
        letter.state === 'open' &&
        letter.code !== 'PAYLOAD_MISMATCH' &&
        (letter.code !== 'ROW_MISSING' || isOfRefund),
    );
    return (
      hasLetter ||
      this.retries.has(transactionId) ||
      this.parked.some((parked) => parked.accountId === accountId)
    );
  }
}

export const SHARDS: readonly number[] = Array.from({ length: LIMITS.shardCount }, (_, shard) => shard);

function storedDecision({ accountId, decision }: JournalRow): StoredTransaction {
  const { command, outcome, requestedCents, reason } = decision;
  const { transactionId, type, cardId, originalId, idempotencyKey } = command;
  return {
    ...{ transactionId, accountId, type, cardId, originalId, idempotencyKey },
    ...{ amountCents: requestedCents, status: outcome, reason },
  };
}

export function pendingOf(row: SimRow): PendingRow {
  const {
    transactionId: id,
    accountId,
    cardId,
    amountCents,
    type,
    idempotencyKey,
    originalId,
    createdAt,
  } = row;
  return { id, accountId, cardId, amountCents, type, idempotencyKey, originalId, createdAt };
}

/** RFC 3339, UTC, microseconds. */
export function timeText(atMs: number): string {
  return new Date(atMs).toISOString().replace('Z', '000Z');
}
