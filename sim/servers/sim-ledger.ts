import type { Finding } from '../../src/domain/finding.ts';
import { CommitFailure } from '../../src/ports/ledger.ts';
import type {
  AccountChange,
  AccountVerdict,
  CardTotal,
  CommitReceipt,
  Ledger,
  RoadDecision,
} from '../../src/ports/ledger.ts';
import type { Bug } from '../planted-bugs.ts';
import type { SimLink } from './sim-link.ts';
import type { JournalRow, SimTables } from './sim-tables.ts';
import { timeText } from './sim-tables.ts';

export interface SimLedgerOptions {
  readonly tables: SimTables;
  readonly link: SimLink;
  readonly incarnation: string;
  /** null in every run but those of the tests. */
  readonly bug: Bug | null;
  /** An account's new owner has begun from a view of before its epoch, or a change holds a command twice. */
  readonly onFault: (promise: 2 | 3, detail: string) => void;
  /** What one commit has written, in the moment in which it did. */
  readonly onWritten: (rows: readonly JournalRow[], changes: readonly AccountChange[]) => void;
}

/** `processor.commit_decisions`: fence, seq, the rows of the Go API, unique ids and keys; each account whole or not at all. */
export class SimLedger implements Ledger {
  readonly #options: SimLedgerOptions;

  constructor(options: SimLedgerOptions) {
    this.#options = options;
  }

  async commit(changes: readonly AccountChange[]): Promise<CommitReceipt> {
    try {
      return await this.#options.link.ask(() => this.#commit(changes));
    } catch (error) {
      if (error instanceof CommitFailure) throw error;
      throw new CommitFailure('unknown', null, 'the connection broke', { cause: error });
    }
  }

  #commit(changes: readonly AccountChange[]): CommitReceipt {
    const { tables } = this.#options;
    if (changes.some(({ accountId }) => tables.locked.has(accountId)))
      throw new CommitFailure('busy', '55P03', 'somebody holds the row of an account');
    const batch = new Set(changes.flatMap(({ decisions }) => decisions.map((d) => d.command.transactionId)));
    const verdicts = changes.map((change) => this.#verdictOn(change, batch));
    const committed = changes.filter((_, index) => verdicts[index]?.kind === 'committed');
    if (committed.length === 0) return { verdicts, outboxId: null, cardTotals: [], decidedAt: null };
    this.#refuseDuplicates(committed);
    const written = committed.flatMap((change) => this.#write(change));
    const totals = this.#addToCards(written);
    const id = tables.next('outbox');
    tables.outbox.set(id, {
      id,
      incarnation: this.#options.incarnation,
      accountIds: committed.map(({ accountId }) => accountId),
      cardIds: totals.map(({ cardId }) => cardId),
      createdAtMs: tables.time.nowMs,
      due: 'all',
      lockedBy: null,
    });
    this.#options.onWritten(written, committed);
    const decidedAt = timeText(tables.time.nowMs);
    return { verdicts, outboxId: id, cardTotals: totals, decidedAt };
  }

  #verdictOn(change: AccountChange, batch: ReadonlySet<string>): AccountVerdict {
    const { tables, bug } = this.#options;
    if (bug !== 'fence dropped' && tables.shards.rows[change.shard]?.epoch !== change.epoch)
      return { kind: 'fenced' };
    this.#inspect(change);
    if ((tables.states.get(change.accountId)?.seq ?? 0n) !== change.previousSeq) return { kind: 'stale' };
    const findings = new Map<number, Finding>();
    for (const [index, decision] of change.decisions.entries()) {
      const finding = this.#findingOn(decision, batch);
      if (finding !== null) findings.set(index, finding);
    }
    return findings.size === 0 ? { kind: 'committed' } : { kind: 'left-out', findings };
  }

  /** What the gates would hide: it must not get as far as them. */
  #inspect({ accountId, epoch, previousSeq, decisions }: AccountChange): void {
    const { tables, onFault } = this.#options;
    const missed = tables.journals.get(accountId)?.find(({ decision }) => decision.seq === previousSeq + 1n);
    if (missed !== undefined && missed.epoch < epoch)
      onFault(3, `the owner under epoch ${epoch} of ${accountId} began from what was before its takeover`);
    const ids = new Set(decisions.map(({ command }) => command.transactionId));
    if (ids.size < decisions.length) onFault(2, `one change of ${accountId} holds a transaction twice`);
  }

  /** In the order of precedence of the real one. */
  #findingOn(decision: RoadDecision, batch: ReadonlySet<string>): Finding | null {
    const { tables } = this.#options;
    const { command, rowCardId, rowOriginalId } = decision;
    const { transactionId, accountId, idempotencyKey } = command;
    const row = tables.rows.get(transactionId);
    const stored = tables.storedOf(transactionId);
    const isDecided = stored !== null && (stored.status === 'APPROVED' || stored.status === 'REJECTED');
    if (isDecided && this.#options.bug === 'repeats decided anew') return null;
    if (isDecided) return { kind: 'decided', stored };
    if (row === undefined) {
      const first = tables.storedOf(tables.keys.get(idempotencyKey) ?? '');
      if (first !== null) return { kind: 'key-taken', stored: first };
      if (!tables.accounts.has(accountId)) return { kind: 'no-account' };
      if (command.shape === 'live') return { kind: 'row-missing' };
      if (rowCardId !== null && !tables.cards.has(rowCardId)) return { kind: 'reference-gone' };
    } else if (stored !== null) {
      if (row.status === 'ERROR' && !decision.mayDecideError) return { kind: 'row-error', stored };
      const matches =
        row.accountId === accountId &&
        row.type === command.type &&
        row.amountCents === command.amountCents &&
        row.cardId === command.cardId &&
        row.idempotencyKey === idempotencyKey;
      if (!matches) return { kind: 'row-differs', stored };
    }
    const isKnown = rowOriginalId === null || tables.rows.has(rowOriginalId) || batch.has(rowOriginalId);
    return isKnown ? null : { kind: 'reference-gone' };
  }

  /** Unique indexes: the whole call fails. */
  #refuseDuplicates(changes: readonly AccountChange[]): void {
    const seen = new Set<string>();
    for (const { command } of changes.flatMap(({ decisions }) => decisions)) {
      for (const name of [`id ${command.transactionId}`, `key ${command.idempotencyKey}`]) {
        if (seen.has(name)) throw new CommitFailure('refused', '23505', 'duplicate key');
        seen.add(name);
      }
    }
  }

  #write({ accountId, epoch, balanceCents, previousSeq, decisions }: AccountChange): readonly JournalRow[] {
    const { tables, incarnation: writer } = this.#options;
    const before = tables.stateOf(accountId);
    if (before === null) throw new Error('an account vanished inside a commit');
    const seq = previousSeq + BigInt(decisions.length);
    tables.states.set(accountId, { ...before, balanceCents, seq });
    const journal = tables.journals.get(accountId) ?? [];
    tables.journals.set(accountId, journal);
    return decisions.map((decision) => {
      const row = { accountId, decision, epoch, writer, decidedAtMs: tables.time.nowMs };
      tables.journal.push(row);
      journal.push(row);
      tables.decided.set(decision.command.transactionId, row);
      this.#writeRow(decision);
      return row;
    });
  }

  #writeRow({
    command,
    outcome,
    requestedCents,
    rowCardId,
    rowOriginalId,
    mayDecideError,
  }: RoadDecision): void {
    const { tables } = this.#options;
    const { transactionId, accountId, type, idempotencyKey } = command;
    const row = tables.rows.get(transactionId);
    if (row === undefined) {
      const nowMs = tables.time.nowMs;
      tables.addRow({
        ...{ transactionId, accountId, type, idempotencyKey, cardId: rowCardId, originalId: rowOriginalId },
        ...{ amountCents: requestedCents, status: outcome, createdAtMs: nowMs, createdAt: timeText(nowMs) },
      });
      return;
    }
    row.status = outcome;
    row.originalId = rowOriginalId ?? row.originalId;
    if (!mayDecideError) return;
    for (const letter of tables.letters)
      if (letter.transactionId === transactionId && letter.code !== 'PAYLOAD_MISMATCH')
        letter.state = 'replayed';
  }

  /** What one commit adds to a card and takes from it counts as one sum, and only that is held to zero. */
  #addToCards(rows: readonly JournalRow[]): readonly CardTotal[] {
    const { cardTotals } = this.#options.tables;
    const sums = new Map<string, { cents: bigint; seq: bigint }>();
    for (const { decision } of rows) {
      if (decision.cardTotal === null) continue;
      const { cardId, deltaCents } = decision.cardTotal;
      const sum = sums.get(cardId) ?? { cents: 0n, seq: 0n };
      sums.set(cardId, { cents: sum.cents + deltaCents, seq: max(sum.seq, decision.seq) });
    }
    return [...sums].map(([cardId, sum]) => {
      const before = cardTotals.get(cardId) ?? { totalCents: 0n, seq: 0n };
      const totalCents = max(before.totalCents + sum.cents, 0n);
      const total = { cardId, totalCents, seq: max(sum.seq, before.seq + 1n) };
      cardTotals.set(cardId, total);
      return total;
    });
  }
}

function max(a: bigint, b: bigint): bigint {
  return a > b ? a : b;
}
