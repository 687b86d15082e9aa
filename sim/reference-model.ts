import type { TransactionCommand } from '../src/contracts/command.ts';
import type { Outcome } from '../src/domain/codes.ts';
import type { JournalRow, SimTables } from './servers/sim-tables.ts';

export interface ExpectedOutcome {
  readonly outcome: Outcome;
  readonly reason: string | null;
}

const APPROVED: readonly ExpectedOutcome[] = [{ outcome: 'APPROVED', reason: null }];

/**
 * What may become of a command of an active account by the contract (section 5), given what was decided for the account before.
 * Written anew, on purpose: it shares nothing with the code that decides.
 *
 * More than one answer: a refund whose original was undecided is judged by whether its row was there at that moment.
 */
export function admissibleOutcomes(
  tables: SimTables,
  before: readonly JournalRow[],
  balanceCents: bigint,
  command: TransactionCommand,
): readonly ExpectedOutcome[] {
  const { type, amountCents, cardId, originalId, accountId } = command;
  if (type === 'DEPOSIT') return APPROVED;
  if (type === 'REFUND') return refund(tables, before, balanceCents, command, originalId);
  if (cardId !== null) {
    const owner = tables.cards.get(cardId);
    if (owner === undefined) return rejected('CARD_UNKNOWN');
    if (owner !== accountId) return rejected('CARD_NOT_OWNED');
  }
  return balanceCents < amountCents ? rejected('INSUFFICIENT_FUNDS') : APPROVED;
}

function refund(
  tables: SimTables,
  before: readonly JournalRow[],
  balanceCents: bigint,
  { accountId, amountCents }: TransactionCommand,
  originalId: string | null,
): readonly ExpectedOutcome[] {
  if (originalId === null) return rejected('REFUND_TARGET_MISSING');
  const original = before.find(({ decision }) => decision.command.transactionId === originalId)?.decision;
  if (original === undefined) {
    const stored = tables.storedOf(originalId);
    const notFound = rejected('ORIGINAL_NOT_FOUND');
    if (stored === null) return notFound;
    if (stored.accountId !== accountId) return [...rejected('ORIGINAL_OF_ANOTHER_ACCOUNT'), ...notFound];
    return stored.type === 'REFUND' ? [...rejected('ORIGINAL_IS_REFUND'), ...notFound] : notFound;
  }
  if (original.command.type === 'REFUND') return rejected('ORIGINAL_IS_REFUND');
  if (original.outcome !== 'APPROVED') return rejected('ORIGINAL_NOT_APPROVED');
  const refunded = before
    .map(({ decision }) => decision)
    .filter(({ command, outcome }) => command.originalId === originalId && outcome === 'APPROVED')
    .reduce((sum, { command }) => sum + command.amountCents, 0n);
  const left = original.command.amountCents - refunded;
  if (left <= 0n) return rejected('NOTHING_LEFT_TO_REFUND');
  if (amountCents > left) return rejected('REFUND_EXCEEDS_ORIGINAL');
  const isDebit = original.command.type === 'DEPOSIT';
  return isDebit && balanceCents < amountCents ? rejected('INSUFFICIENT_FUNDS') : APPROVED;
}

function rejected(reason: string): readonly ExpectedOutcome[] {
  return [{ outcome: 'REJECTED', reason }];
}
