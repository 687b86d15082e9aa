import type { CommitFailureKind } from '../../ports/ledger.ts';
import { meaningOfSqlState } from '../server-errors.ts';

/**
 * What a failed commit means, by its SQLSTATE; `null`: the error came from the connection, not from the server. Only where the
 * server says that it rolled back is anything but `unknown` right.
 */
export function failureKindOf(sqlState: string | null): CommitFailureKind {
  if (sqlState === null) return 'unknown';
  const { category, rolledBack } = meaningOfSqlState(sqlState);
  if (rolledBack !== true) return 'unknown';
  return category === 'validation' ? 'refused' : 'busy';
}
