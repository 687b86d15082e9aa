import type { AccountState } from '../../../src/domain/account.ts';
import type { Finding } from '../../../src/domain/finding.ts';
import { differences } from '../../../src/domain/identity.ts';
import type { StoredTransaction } from '../../../src/domain/identity.ts';
import { CommitFailure } from '../../../src/ports/ledger.ts';
import type {
  AccountChange,
  AccountVerdict,
  CardTotal,
  CommitReceipt,
  Ledger,
  RoadDecision,
} from '../../../src/ports/ledger.ts';
import type { FakeClock } from './fake-clock.ts';
import { Gate } from './gate.ts';

/** A decision as the fake journal keeps it. */
export interface FakeJournalRow extends RoadDecision {
  readonly accountId: string;
  readonly epoch: bigint;
}

/** What goes wrong with a commit. `lost-after`: it is done, but nobody learns of it. */
export type Fault = 'none' | 'busy' | 'refused' | 'lost-before' | 'lost-after';

export const COMMIT_MS = 10;

/** When every commit is. */
export const DECIDED_AT = '2026-11-22T10:40:01.000000Z';

export interface FakeLedgerOptions {
  readonly compareRefundAmount?: boolean;
  /** Asked once per commit. */
  readonly fault?: (changes: readonly AccountChange[]) => Fault;
  /** Moved on by each commit, as if it had taken so long that a few commands need not gather for the next. */
  readonly clock?: FakeClock;
}

/**
 * The ledger in memory, with the gates of the real one: fence, seq, unique ids and keys, the rows of the Go API.
 * Commits wait at `gate` before they look at anything.
 */
export class FakeLedger implements Ledger {
  readonly accounts = new Map<string, AccountState>();
  readonly cards = new Map<string, string>();
  readonly rows = new Map<string, StoredTransaction>();
  readonly cardTotals = new Map<string, CardTotal>();
  readonly journal = new Map<string, FakeJournalRow[]>();
  readonly decided = new Map<string, FakeJournalRow>();
  /** Shard → epoch; a shard that is not here has epoch 1. */
  readonly epochs = new Map<number, bigint>();
  readonly lockedIds = new Set<string>();
  /** Transactions whose data no commit gets through. */
  readonly poisonedIds = new Set<string>();
  readonly gate = new Gate();
  /** The changes of every commit that was tried. */
  readonly tried: (readonly AccountChange[])[] = [];
  readonly #options: FakeLedgerOptions;
  readonly #keyOwners = new Map<string, string>();
  #outboxId = 0n;

  constructor(options: FakeLedgerOptions = {}) {
    this.#options = options;
  }

  addAccount(accountId: string, state: Partial<AccountState> = {}): void {
    const fresh = { accountId, balanceCents: 0n, seq: 0n, status: 'active', overdraftCents: 0n } as const;
    this.accounts.set(accountId, { ...fresh, ...state });
  }

  /** A row as the Go API makes it. */
  addRow(row: StoredTransaction): void {
    this.rows.set(row.transactionId, row);
    if (row.idempotencyKey !== null) this.#keyOwners.set(row.idempotencyKey, row.transactionId);
  }

  epochOf(shard: number): bigint {
    return this.epochs.get(shard) ?? 1n;
  }

  async commit(changes: readonly AccountChange[]): Promise<CommitReceipt> {
    this.tried.push(changes);
    await this.gate.pass();
    this.#options.clock?.advance(COMMIT_MS);
    const fault = this.#options.fault?.(changes) ?? 'none';
    if (fault === 'busy') throw new CommitFailure('busy', '55P03', 'somebody else holds a lock');
    if (fault === 'lost-before') throw new CommitFailure('unknown', null, 'the connection broke');
    if (fault === 'refused' || this.#isRefused(changes)) {
      throw new CommitFailure('refused', '23505', 'the data is at fault');
    }
    const receipt = this.#apply(changes);
    if (fault === 'lost-after') throw new CommitFailure('unknown', null, 'the connection broke');
    return receipt;
  }

  #isRefused(changes: readonly AccountChange[]): boolean {
    const seen = new Set<string>();
    for (const { command } of changes.flatMap(({ decisions }) => decisions)) {
      if (this.poisonedIds.has(command.transactionId)) return true;
      for (const name of [`id ${command.transactionId}`, `key ${command.idempotencyKey}`]) {
        if (seen.has(name)) return true;
        seen.add(name);
      }
    }
    return false;
  }

  #apply(changes: readonly AccountChange[]): CommitReceipt {
    const verdicts = changes.map((change) => this.#verdictOn(change));
    const cardTotals: CardTotal[] = [];
    for (const [index, change] of changes.entries()) {
      if (verdicts[index]?.kind === 'committed') cardTotals.push(...this.#write(change));
    }
    const someCommitted = verdicts.some(({ kind }) => kind === 'committed');
    if (someCommitted) this.#outboxId += 1n;
    if (!someCommitted) return { verdicts, outboxId: null, cardTotals, decidedAt: null };
    return { verdicts, outboxId: this.#outboxId, cardTotals, decidedAt: DECIDED_AT };
  }

  #verdictOn(change: AccountChange): AccountVerdict {
    if (this.epochOf(change.shard) !== change.epoch) return { kind: 'fenced' };
    const account = this.accounts.get(change.accountId);
    if (account !== undefined && account.seq !== change.previousSeq) return { kind: 'stale' };
    const findings = new Map<number, Finding>();
    const before = new Set<string>();
    for (const [index, decision] of change.decisions.entries()) {
      const finding =
        account === undefined ? ({ kind: 'no-account' } as const) : this.#findingOn(decision, before);
      if (finding !== null) findings.set(index, finding);
      before.add(decision.command.transactionId);
    }
    return findings.size === 0 ? { kind: 'committed' } : { kind: 'left-out', findings };
  }

  /** `before`: ids that the same change inserts earlier. */
  #findingOn(decision: RoadDecision, before: ReadonlySet<string>): Finding | null {
    const { command, rowCardId, rowOriginalId } = decision;
    const row = this.rows.get(command.transactionId);
    if (row !== undefined) return this.#rowFinding(row, decision);
    const owner = this.rows.get(this.#keyOwners.get(command.idempotencyKey) ?? '');
    if (owner !== undefined) return { kind: 'key-taken', stored: owner };
    if (command.shape === 'live') return { kind: 'row-missing' };
    if (rowCardId !== null && !this.cards.has(rowCardId)) return { kind: 'reference-gone' };
    const knowsOriginal = rowOriginalId === null || this.rows.has(rowOriginalId) || before.has(rowOriginalId);
    if (!knowsOriginal) return { kind: 'reference-gone' };
    return null;
  }

  #rowFinding(stored: StoredTransaction, { command, mayDecideError }: RoadDecision): Finding | null {
    if (stored.status === 'APPROVED' || stored.status === 'REJECTED') return { kind: 'decided', stored };
    if (stored.status === 'ERROR' && !mayDecideError) return { kind: 'row-error', stored };
    const compareRefundAmount = this.#options.compareRefundAmount ?? true;
    const fields = differences(command, stored, { compareKey: true, compareRefundAmount });
    if (fields.length > 0) return { kind: 'row-differs', stored };
    return this.lockedIds.has(command.transactionId) ? { kind: 'row-locked' } : null;
  }

  #write(change: AccountChange): readonly CardTotal[] {
    const { accountId, epoch, balanceCents, previousSeq, decisions } = change;
    const account = this.accounts.get(accountId);
    if (account === undefined) throw new Error('an account vanished inside a commit');
    this.accounts.set(accountId, { ...account, balanceCents, seq: previousSeq + BigInt(decisions.length) });
    const rows = this.journal.get(accountId) ?? [];
    this.journal.set(accountId, rows);
    for (const decision of decisions) {
      const row = { ...decision, accountId, epoch };
      rows.push(row);
      this.decided.set(decision.command.transactionId, row);
      this.addRow(rowOf(decision));
    }
    return decisions.flatMap((decision) => this.#addToCard(decision));
  }

  #addToCard({ cardTotal, seq }: RoadDecision): readonly CardTotal[] {
    if (cardTotal === null) return [];
    const { cardId, deltaCents } = cardTotal;
    const totalCents = (this.cardTotals.get(cardId)?.totalCents ?? 0n) + deltaCents;
    const total = { cardId, totalCents, seq };
    this.cardTotals.set(cardId, total);
    return [total];
  }
}

function rowOf({ command, outcome, requestedCents, rowCardId, reason }: RoadDecision): StoredTransaction {
  return {
    transactionId: command.transactionId,
    accountId: command.accountId,
    type: command.type,
    amountCents: requestedCents,
    cardId: rowCardId ?? command.cardId,
    originalId: command.originalId,
    idempotencyKey: command.idempotencyKey,
    status: outcome,
    reason,
  };
}
