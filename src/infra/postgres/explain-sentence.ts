import { formatCents } from '../../domain/money.ts';
import type { TransactionRecords } from './explain.ts';
import type { JournalEntry } from './journal-entry.ts';

/** Why a transaction is what it is, in one sentence for a person. Amounts with two decimals, times in UTC. */
export function sentenceOf(records: TransactionRecords): string {
  const { decision, row } = records;
  if (decision?.order != null) return orderSentence(decision, decision.order);
  if (decision !== null) {
    return decision.outcome === 'APPROVED'
      ? approvedSentence(decision)
      : `rejected: ${rejection(decision, records)}`;
  }
  if (row === null) return absentSentence(records);
  switch (row.status) {
    case 'APPROVED':
    case 'REJECTED':
      return decidedElsewhere(row.status, row.beforeOpening);
    case 'ERROR':
      return `given up: ${discardSentence(records) ?? lastLetter(records) ?? 'no dead letter says why'}`;
    default:
      return pendingSentence(records, row.createdAt);
  }
}

/** Not a transaction, or one that nobody paid: what an operator has ordered. */
function orderSentence(entry: JournalEntry, order: NonNullable<JournalEntry['order']>): string {
  const { operator, why, status, overdraftCents } = order;
  const where = `(entry ${String(entry.seq)} of its account, ${entry.decidedAt})`;
  const what =
    entry.amountCents === 0n
      ? `an operator's order ${entry.type} left the account ${status} with an overdraft of ${formatCents(overdraftCents)}`
      : `an adjustment by an operator: ${signed(entry.amountCents)} made the balance ${formatCents(entry.balanceAfterCents)}`;
  return `${what} ${where}; by ${operator}, because: ${why}`;
}

function signed(cents: bigint): string {
  return `${cents < 0n ? '' : '+'}${formatCents(cents)}`;
}

function approvedSentence(decision: JournalEntry): string {
  return (
    `approved: ${signed(decision.amountCents)} made the balance ` +
    `${formatCents(decision.balanceAfterCents)} (entry ${String(decision.seq)} of its account, ${decision.decidedAt})`
  );
}

/** A rejection leaves the balance as it was, so the balance after it is the one that it met. */
function rejection(decision: JournalEntry, records: TransactionRecords): string {
  const asked = formatCents(decision.requestedCents);
  const there = formatCents(decision.balanceAfterCents);
  const original = `its original ${decision.originalId ?? ''}`;
  switch (decision.reason) {
    case 'ACCOUNT_CLOSED':
      return 'its account was closed, and only refunds of earlier purchases reach a closed account';
    case 'ACCOUNT_FROZEN':
      return 'its account was frozen, and nothing is taken from a frozen account';
    case 'CARD_UNKNOWN':
      return `there was no card ${decision.cardId ?? ''}`;
    case 'CARD_NOT_OWNED':
      return `card ${decision.cardId ?? ''} belongs to another account`;
    case 'REFUND_TARGET_MISSING':
      return 'it is a refund that does not say of which transaction';
    case 'ORIGINAL_OF_ANOTHER_ACCOUNT':
      return `${original} belongs to another account`;
    case 'ORIGINAL_IS_REFUND':
      return `${original} is a refund itself`;
    case 'ORIGINAL_NOT_FOUND':
      return `${original} never appeared while it waited`;
    case 'ORIGINAL_NOT_APPROVED':
      return `${original} was not approved`;
    case 'NOTHING_LEFT_TO_REFUND':
      return `${original} had been refunded wholly before`;
    case 'REFUND_EXCEEDS_ORIGINAL':
      return `asked for ${asked} but of ${original} only ${leftOfOriginal(records)} was left`;
    case 'INSUFFICIENT_FUNDS':
      return `asked for ${asked} but only ${there} was there`;
    case 'BALANCE_LIMIT':
      return `${asked} would have taken the balance of ${there} beyond what an account can hold`;
    case 'RULE_REFUSED':
      return `${ruleNames(decision, 'reject')} (rule set ${String(decision.rulesVersion)}) had something against it: asked for ${asked}`;
    case null:
    default:
      return `${decision.reason ?? 'no reason is recorded'}, asked for ${asked}, ${there} was there`;
  }
}

/** `rule daily-limit`, `rules daily-limit and velocity`. */
function ruleNames({ flags }: JournalEntry, action: 'reject' | 'flag' | 'shadow'): string {
  const names = flags
    .map((flag) => flag.split(':'))
    .filter(([taken]) => taken === action)
    .map(([, name]) => name);
  return `${names.length > 1 ? 'rules' : 'rule'} ${names.join(' and ')}`;
}

function leftOfOriginal({ original }: TransactionRecords): string {
  return original === null ? 'less' : formatCents(original.amountCents - original.refundedBeforeCents);
}

function absentSentence(records: TransactionRecords): string {
  const waiting = retrySentence(records) ?? parkedSentence(records);
  if (waiting !== null) return `not decided yet: ${waiting}`;
  const letter = lastLetter(records);
  return letter === null ? 'unknown: no such transaction' : `given up, and there is no row for it: ${letter}`;
}

function pendingSentence(records: TransactionRecords, createdAt: string): string {
  const waiting = retrySentence(records) ?? parkedSentence(records);
  if (waiting !== null) return `still pending: ${waiting}`;
  if (records.deadLetters.some(({ code, state }) => code === 'REFUND_TARGET_UNKNOWN' && state === 'open'))
    return 'still pending: its message was lost, and its row does not say what it refunds (see `paygate dead-letters`)';
  const letter = lastLetter(records);
  if (letter !== null)
    return `still pending, waiting for its true message; another one was given up: ${letter}`;
  return `PENDING since ${createdAt}: no message has been processed for it`;
}

function discardSentence({ discard }: TransactionRecords): string | null {
  return discard === null
    ? null
    : `discarded by ${discard.operator} at ${discard.at}, because: ${discard.why}`;
}

function retrySentence({ retry, original }: TransactionRecords): string | null {
  if (retry === null) return null;
  const next = `next try (number ${String(retry.attempt)}) at ${retry.dueAt}`;
  switch (retry.code) {
    case 'ORIGINAL_UNDECIDED': {
      const of = retry.originalId ?? 'transaction';
      const why =
        original === null
          ? 'has not been seen'
          : original.status === 'PENDING'
            ? 'is not decided'
            : 'was not decided';
      return `its original ${of} ${why}; ${next}`;
    }
    case 'ROW_MISSING':
      return `its message came before its row in transactions; ${next}`;
    case 'ROW_LOCKED':
      return `somebody else held its row in transactions; ${next}`;
    default:
      return `${retry.code}; ${next}`;
  }
}

function parkedSentence({ parked }: TransactionRecords): string | null {
  const [first] = parked;
  return first === undefined ? null : `set aside since ${first.since}: ${first.reason}`;
}

function decidedElsewhere(status: 'APPROVED' | 'REJECTED', beforeOpening: boolean): string {
  const word = status.toLowerCase();
  if (!beforeOpening) return `${word}, but not by this ledger: there is no journal row for it`;
  const part = status === 'APPROVED' ? "; it is part of its account's opening balance" : '';
  return `${word} before this ledger was opened${part}`;
}

function lastLetter({ deadLetters }: TransactionRecords): string | null {
  const letter = deadLetters.findLast(({ state }) => state === 'open') ?? deadLetters.at(-1);
  if (letter === undefined) return null;
  const attempts = letter.attempts > 1 ? ` after ${String(letter.attempts)} attempts` : '';
  return `${letter.code}${attempts} at ${letter.createdAt}: ${letter.detail}`;
}
