import type { TransactionType } from '../../contracts/command.ts';
import type { StoredTransaction } from '../../domain/identity.ts';
import type { Finding } from '../../domain/finding.ts';
import type { AccountChange, AccountVerdict, CardTotal, CommitReceipt } from '../../ports/ledger.ts';

/** The one row that `processor.commit_decisions` returns. Integers beyond 2^53 come as text. */
export interface CommitAnswer {
  readonly outbox_id: string | null;
  readonly problems: readonly CommitProblem[] | null;
  readonly card_totals: readonly StoredCardTotal[] | null;
  readonly decided_at: string | null;
}

export interface StoredCardTotal {
  readonly cardId: string;
  readonly totalCents: string;
  readonly seq: string;
}

/** An account that was left out, or one of the decisions that kept it out. */
export type CommitProblem = LeftOutAccount | LeftOutDecision;

export interface LeftOutAccount {
  readonly kind: 'fenced' | 'stale';
  readonly accountId: string;
}

export interface LeftOutDecision {
  readonly kind: Finding['kind'];
  readonly accountId: string;
  readonly seq: string;
  readonly stored?: StoredRecord | null;
}

/** `processor.stored_transaction`: a journal row, or a `transactions` row that holds whatever others wrote there. */
export interface StoredRecord {
  readonly transactionId: string;
  readonly accountId: string | null;
  readonly type: string;
  readonly amountCents: string;
  readonly cardId: string | null;
  readonly originalId: string | null;
  readonly originalKnown: boolean;
  readonly idempotencyKey: string | null;
  readonly status: string;
  readonly reason: string | null;
}

/** Receipt for the changes of the call; an account without a problem is committed. */
export function receiptOf(changes: readonly AccountChange[], answer: CommitAnswer): CommitReceipt {
  const problems = byAccount(answer.problems ?? []);
  return {
    verdicts: changes.map((change) => verdictOf(change, problems.get(change.accountId))),
    outboxId: answer.outbox_id === null ? null : BigInt(answer.outbox_id),
    cardTotals: (answer.card_totals ?? []).map(cardTotalOf),
    decidedAt: answer.decided_at,
  };
}

function byAccount(problems: readonly CommitProblem[]): ReadonlyMap<string, readonly CommitProblem[]> {
  const grouped = new Map<string, CommitProblem[]>();
  for (const problem of problems) {
    const known = grouped.get(problem.accountId);
    if (known === undefined) grouped.set(problem.accountId, [problem]);
    else known.push(problem);
  }
  return grouped;
}

const COMMITTED: AccountVerdict = { kind: 'committed' };

function verdictOf(change: AccountChange, problems: readonly CommitProblem[] | undefined): AccountVerdict {
  if (problems === undefined) return COMMITTED;
  const findings = new Map<number, Finding>();
  for (const problem of problems) {
    if (!('seq' in problem)) return { kind: problem.kind };
    findings.set(Number(BigInt(problem.seq) - change.previousSeq) - 1, findingOf(problem));
  }
  return { kind: 'left-out', findings };
}

function findingOf({ kind, stored }: LeftOutDecision): Finding {
  switch (kind) {
    case 'row-missing':
    case 'row-locked':
    case 'no-account':
    case 'reference-gone':
      return { kind };
    case 'decided':
    case 'row-error':
    case 'row-differs':
    case 'key-taken':
      if (stored == null) throw new Error(`the commit function reported ${kind} without the record`);
      return { kind, stored: storedTransactionOf(stored) };
  }
}

export function storedTransactionOf(stored: StoredRecord): StoredTransaction {
  return {
    transactionId: stored.transactionId,
    // A row may belong to nobody; no command does, so an empty id differs from every command's, as it should.
    accountId: stored.accountId ?? '',
    type: stored.type as TransactionType,
    amountCents: BigInt(stored.amountCents),
    cardId: stored.cardId,
    originalId: stored.originalKnown ? stored.originalId : undefined,
    idempotencyKey: stored.idempotencyKey,
    status: stored.status as StoredTransaction['status'],
    reason: stored.reason,
  };
}

export function cardTotalOf(stored: StoredCardTotal): CardTotal {
  return { cardId: stored.cardId, totalCents: BigInt(stored.totalCents), seq: BigInt(stored.seq) };
}
