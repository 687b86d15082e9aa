import type { PendingRow } from '../../contracts/live-body.ts';
import { TRANSACTION_TYPES } from '../../contracts/command.ts';
import type { TransactionType } from '../../contracts/command.ts';
import type { OriginalFact } from '../account.ts';

/** A row of `transactions` as it stands, with its status. */
export interface TableRow extends PendingRow {
  /** As stored; the four of the contract, if all is well. */
  readonly status: string;
}

/** A row that has left `PENDING`. */
export interface DecidedRow {
  readonly row: TableRow;
  /** The amount that was asked for, where it is known: as long as the row is `PENDING` it has it, and then it may be overwritten. */
  readonly askedCents: bigint | null;
}

/** What the table says of an account before the rows that are looked at, cents. */
export interface StandingAccount {
  /** Contract section 5: the sum over its approved transactions. */
  readonly balanceCents: bigint;
  /** The share of approved charges, and refunds of charges, in it; the old processor counts them as 0. */
  readonly chargesCents: bigint;
  /** Whether a refund of it was approved. */
  readonly hasRefunds: boolean;
}

/** What the table says before the rows that are looked at. */
export interface Standing {
  readonly accounts: ReadonlyMap<string, StandingAccount>;
  readonly cards: ReadonlyMap<string, string | null>;
  readonly originals: ReadonlyMap<string, OriginalFact>;
}

const STATUSES = ['PENDING', 'APPROVED', 'REJECTED', 'ERROR'] as const;

/** As something that may be refunded. */
export function originalOf(row: TableRow): OriginalFact {
  const type = TRANSACTION_TYPES.find((known) => known === row.type);
  const status = STATUSES.find((known) => known === row.status);
  return {
    transactionId: row.id,
    status: type === undefined || status === undefined ? 'ERROR' : status,
    accountId: row.accountId ?? '',
    type: type ?? 'DEPOSIT',
    amountCents: row.amountCents,
    cardId: row.cardId,
    refundedCents: 0n,
    hasRow: true,
  };
}

/** What an approved transaction does to its account's balance, cents; `original`: of a refund, the type of what it refunds. */
export function effectOf(
  type: TransactionType,
  amountCents: bigint,
  original: TransactionType | null,
): bigint {
  const isCredit = type === 'DEPOSIT' || (type === 'REFUND' && original !== 'DEPOSIT');
  return isCredit ? amountCents : -amountCents;
}
