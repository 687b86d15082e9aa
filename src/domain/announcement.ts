import { randomUUID } from 'node:crypto';
import type { EventOf, EventType } from '../contracts/events.ts';
import { EVENT_SCHEMA_VERSION } from '../contracts/events.ts';
import { eventId } from './event-id.ts';

/** Events that no journal row tells. The database adds the time and the account's last seq when it writes them. */
type Unwritten<T extends EventType> = Omit<EventOf<T>, 'time' | 'seq'>;

export type Announcement =
  | Unwritten<'transaction.duplicate'>
  | Unwritten<'transaction.retry_scheduled'>
  | Unwritten<'transaction.failed'>
  | Unwritten<'account.quarantined'>;

export function duplicateAnnounced(accountId: string, transactionId: string, firstId: string): Announcement {
  return {
    type: 'transaction.duplicate',
    id: eventId(`transaction.duplicate ${transactionId} ${firstId}`),
    schema_version: EVENT_SCHEMA_VERSION,
    account_id: accountId,
    transaction_id: transactionId,
    first_id: firstId,
  };
}

export interface ScheduledRetry {
  readonly transactionId: string;
  readonly accountId: string;
  readonly attempt: number;
  readonly code: string;
  /** Milliseconds since the epoch. */
  readonly dueAtMs: number;
  readonly firstSeenAtMs: number;
}

/** A retry that is written twice, since the first answer was lost, is one event. */
export function retryAnnounced(retry: ScheduledRetry): Announcement {
  const { transactionId, accountId, attempt, code, dueAtMs, firstSeenAtMs } = retry;
  return {
    type: 'transaction.retry_scheduled',
    id: eventId(`transaction.retry_scheduled ${transactionId} ${firstSeenAtMs} ${attempt}`),
    schema_version: EVENT_SCHEMA_VERSION,
    account_id: accountId,
    transaction_id: transactionId,
    reason: code,
    attempt,
    due_at: new Date(dueAtMs).toISOString(),
  };
}

/** Written once, with the dead letter, and published from there: any id will do. */
export function failureAnnounced(
  { code, attempts }: { readonly code: string; readonly attempts: number },
  of: { readonly accountId: string; readonly transactionId: string; readonly deadLetterId: number },
): Announcement {
  return {
    type: 'transaction.failed',
    id: randomUUID(),
    schema_version: EVENT_SCHEMA_VERSION,
    account_id: of.accountId,
    transaction_id: of.transactionId,
    reason: code,
    attempts,
    dead_letter_id: of.deadLetterId,
  };
}

/** Written once, with the account's status. */
export function quarantineAnnounced(accountId: string, reason: string): Announcement {
  return {
    type: 'account.quarantined',
    id: randomUUID(),
    schema_version: EVENT_SCHEMA_VERSION,
    account_id: accountId,
    reason,
  };
}
