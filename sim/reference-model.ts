import type { TransactionCommand } from '../src/contracts/command.ts';
import type { AccountStatus, Outcome } from '../src/domain/codes.ts';
import type { JournalRow, SimTables } from './servers/sim-tables.ts';

export interface ExpectedOutcome {
  readonly outcome: Outcome;
  readonly reason: string | null;
}

const APPROVED: readonly ExpectedOutcome[] = [{ outcome: 'APPROVED', reason: null }];

/** The account as it stands before the command. */
export interface Standing {
  readonly balanceCents: bigint;
  readonly overdraftCents: bigint;
  readonly status: AccountStatus;
}

/**
 * What may become of a command by the contract (section 5), given what was decided for the account before.
 * Written anew, on purpose: it shares nothing with the code that decides.
 *
 * More than one answer: a refund whose original was undecided is judged by whether its row was there at that moment.
 */
export function admissibleOutcomes(
  tables: SimTables,
  before: readonly JournalRow[],
  standing: Standing,
  command: TransactionCommand,
): readonly ExpectedOutcome[] {
  const { type, amountCents, cardId, accountId } = command;
  const isClosed = standing.status === 'closed';
  if (type === 'REFUND') return refund(tables, before, standing, command);
  if (isClosed) return rejected('ACCOUNT_CLOSED');
  if (type === 'DEPOSIT') return APPROVED;
  if (standing.status === 'frozen') return rejected('ACCOUNT_FROZEN');
  if (cardId !== null) {
    const owner = tables.cards.get(cardId);
    if (owner === undefined) return rejected('CARD_UNKNOWN');
    if (owner !== accountId) return rejected('CARD_NOT_OWNED');
  }
  return debit(standing, amountCents);
}

function refund(
  tables: SimTables,
  before: readonly JournalRow[],
  standing: Standing,
  { accountId, amountCents, originalId }: TransactionCommand,
): readonly ExpectedOutcome[] {
  if (originalId === null) return [...refusedByStatus(standing), ...rejected('REFUND_TARGET_MISSING')];
  const original = before.find(({ decision }) => decision.command.transactionId === originalId)?.decision;
  if (original === undefined) return ofElsewhere(tables, standing, accountId, originalId);
  const { type } = original.command;
  const isDebit = type === 'DEPOSIT';
  const byStatus = refusedByStatus(standing);
  if (isDebit && byStatus.length > 0) return byStatus;
  if (type === 'REFUND' && standing.status === 'closed') return byStatus;
  if (type === 'REFUND') return rejected('ORIGINAL_IS_REFUND');
  if (original.outcome !== 'APPROVED') return rejected('ORIGINAL_NOT_APPROVED');
  const refunded = before
    .map(({ decision }) => decision)
    .filter(({ command, outcome }) => command.originalId === originalId && outcome === 'APPROVED')
    .reduce((sum, { command }) => sum + command.amountCents, 0n);
  const left = original.command.amountCents - refunded;
  if (left <= 0n) return rejected('NOTHING_LEFT_TO_REFUND');
  if (amountCents > left) return rejected('REFUND_EXCEEDS_ORIGINAL');
  return isDebit ? debit(standing, amountCents) : APPROVED;
}

/** An original that the account has not decided: unknown, still undecided, or another account's. */
function ofElsewhere(
  tables: SimTables,
  standing: Standing,
  accountId: string,
  originalId: string,
): readonly ExpectedOutcome[] {
  const stored = tables.storedOf(originalId);
  const either = [...rejected('ORIGINAL_NOT_FOUND'), ...refusedByStatus(standing)];
  if (stored === null) return either;
  if (stored.accountId !== accountId) return [...rejected('ORIGINAL_OF_ANOTHER_ACCOUNT'), ...either];
  if (stored.type === 'REFUND') return [...rejected('ORIGINAL_IS_REFUND'), ...either];
  // Given up: nobody will decide it any more.
  return stored.status === 'ERROR' ? [...rejected('ORIGINAL_NOT_APPROVED'), ...either] : either;
}

function refusedByStatus({ status }: Standing): readonly ExpectedOutcome[] {
  if (status === 'closed') return rejected('ACCOUNT_CLOSED');
  return status === 'frozen' ? rejected('ACCOUNT_FROZEN') : [];
}

function debit({ balanceCents, overdraftCents }: Standing, amountCents: bigint): readonly ExpectedOutcome[] {
  return balanceCents - amountCents < -overdraftCents ? rejected('INSUFFICIENT_FUNDS') : APPROVED;
}

function rejected(reason: string): readonly ExpectedOutcome[] {
  return [{ outcome: 'REJECTED', reason }];
}
