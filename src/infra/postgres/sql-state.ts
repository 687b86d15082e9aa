import type { CommitFailureKind } from '../../ports/ledger.ts';

/**
 * What a failed commit means, by SQLSTATE: the longest prefix found here counts (a class has two characters).
 *
 * Only where the server says that it rolled back is anything but `unknown` right. 57P01 (the backend is shut down) and
 * a lost connection can both come after the commit record is on disk.
 */
const KIND_BY_STATE: Readonly<Record<string, CommitFailureKind>> = {
  /** Data that does not fit its column: a date that does not exist, a number out of range. */
  '22': 'refused',
  /** A constraint: also the same id or key inserted by two commits at once. */
  '23': 'refused',
  /** Serialization failure; the commit function raises it when a row changed under it. */
  '40001': 'busy',
  /** Deadlock. */
  '40P01': 'busy',
  /** Lock not available within `lock_timeout`. */
  '55P03': 'busy',
  /** Cancelled, by `statement_timeout` or an operator. */
  '57014': 'busy',
};

/** `null`: the error came from the connection, not from the server. */
export function failureKindOf(sqlState: string | null): CommitFailureKind {
  if (sqlState === null) return 'unknown';
  return KIND_BY_STATE[sqlState] ?? KIND_BY_STATE[sqlState.slice(0, 2)] ?? 'unknown';
}

/** SQLSTATE of a driver error; null for one of the socket (its `code` is `ECONNRESET` and the like) or of anything else. */
export function sqlStateOf(error: unknown): string | null {
  if (!(error instanceof Error) || !('code' in error)) return null;
  return typeof error.code === 'string' && /^[0-9A-Z]{5}$/.test(error.code) && 'severity' in error
    ? error.code
    : null;
}
