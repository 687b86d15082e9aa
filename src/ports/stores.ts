import type { BuiltEvent } from '../contracts/events.ts';
import type { DeadLetterQueue, InboundQueue } from '../contracts/queues.ts';
import type { RefusalCode } from '../contracts/refusal.ts';
import type { Announcement } from '../domain/announcement.ts';
import type { DeferralCode, FailureCode } from '../domain/codes.ts';
import type { ToldAccount } from '../domain/told-account.ts';
import type { CachedBalance } from './balance-cache.ts';

/** A rule set as `processor.rules` has it. */
export interface StoredRuleSet {
  /** 1 or more. */
  readonly version: number;
  /** As JSON.parse leaves it; null: since this version no rules are in force. */
  readonly document: unknown;
}

export interface RuleStore {
  /** The newest one; null: none is newer than the version given. Rejects with the driver's error. */
  newerThan(version: number): Promise<StoredRuleSet | null>;
}

/** A message that is given up, kept whole. */
export interface DeadLetter {
  /** Queue it was read from. */
  readonly queue: InboundQueue;
  readonly deadLetterQueue: DeadLetterQueue;
  readonly code: RefusalCode | FailureCode | DeferralCode;
  /** In words, for a person: what was expected, what differs. */
  readonly detail: string;
  /** null where the message could not be decoded. */
  readonly transactionId: string | null;
  readonly accountId: string | null;
  readonly body: Buffer;
  readonly attempts: number;
  /** RFC 3339. */
  readonly firstSeenAt: string;
  readonly redelivered: boolean;
  /** True where the `transactions` row, if still `PENDING`, becomes `ERROR` in the same commit. */
  readonly marksError: boolean;
}

export interface DeadLetterStore {
  /**
   * Ids in the order given. A redelivered message that is already recorded and open keeps its id. null: nothing of it was
   * written, since somebody else holds the row that is to become `ERROR`; to be asked again later.
   */
  record(letters: readonly DeadLetter[]): Promise<readonly (bigint | null)[]>;
}

/** A deferral: the truth about when a command is tried again. */
export interface Retry {
  readonly transactionId: string;
  readonly accountId: string;
  /** 1 = first retry for this code: tries spent waiting for one thing are not held against another. */
  readonly attempt: number;
  readonly code: DeferralCode;
  readonly queue: InboundQueue;
  readonly body: Buffer;
  /** Milliseconds since the epoch. */
  readonly dueAtMs: number;
  readonly firstSeenAtMs: number;
}

export interface RetryStore {
  /**
   * Writes or moves on the retry of a transaction (`isMovedOn`; a repeat of what waits changes nothing). Where a retry of another
   * body waits under the same id, that one stays and is returned, so that the caller can compare the payloads; null = it waits.
   */
  schedule(retries: readonly Retry[]): Promise<readonly (Retry | null)[]>;
  /** Forgets retries whose command is settled, where it is still that body which waits under the id. */
  remove(retries: readonly Pick<Retry, 'transactionId' | 'body'>[]): Promise<void>;
  /** The retry as it stands, null where there is none any more. */
  find(transactionId: string): Promise<Retry | null>;
  /** Retries of accounts of these shards due before `nowMs`, oldest first. */
  due(nowMs: number, shards: readonly number[], limit: number): Promise<readonly Retry[]>;
}

/** Says when a retry is due. May forget (Redis): `RetryStore.due` is asked as well. */
export interface RetryClock {
  /** Starts calling `onDue` with transaction id and attempt. */
  start(onDue: (transactionId: string, attempt: number) => Promise<void>): Promise<void>;
  /** Never throws; a failure is counted and left to `RetryStore.due`. */
  arm(transactionId: string, attempt: number, delayMs: number): Promise<void>;
  stop(): Promise<void>;
}

/** A command that cannot be decided now, acknowledged once it is here. */
export interface Parked {
  readonly accountId: string;
  readonly queue: InboundQueue;
  readonly body: Buffer;
  readonly reason: string;
}

/** A command of an account that the owner of its shard has set aside. */
export interface OwnedParked extends Parked {
  readonly shard: number;
  /** Under which the shard was ours when the account was found set aside. */
  readonly epoch: bigint;
}

/** A row of `processor.parked`. */
export interface ParkedRow {
  readonly accountId: string;
  /** Order of decision within its account. */
  readonly n: bigint;
  readonly queue: InboundQueue;
  readonly body: Buffer;
  /** Milliseconds since the epoch. */
  readonly sinceMs: number;
}

/** What came of parking commands of a shard without owner, with the epoch that holds now. */
export interface UnownedParking {
  /** `owned`: the epoch was not the one seen, nothing was written. */
  readonly kind: 'parked' | 'owned';
  readonly epoch: bigint;
}

export type ParkingEnd = 'parked' | 'fenced';

export interface ParkStore {
  /**
   * For accounts that are set aside, by the owner of their shard. `n` follows the order given. One answer per command; `fenced`:
   * its shard has another epoch, it was not written. Rejects when it is not known what was written.
   */
  park(commands: readonly OwnedParked[]): Promise<readonly ParkingEnd[]>;
  /**
   * For a shard that nobody serves. Whoever the directory names may be frozen and come back, so in the same commit the
   * epoch is raised and nobody named: no actor read before this can decide newer commands past these.
   * Rejects with 55P03 while a commit of the named owner holds the shard; nothing was written then.
   */
  parkUnowned(shard: number, epochSeen: bigint, commands: readonly Parked[]): Promise<UnownedParking>;
  /** The oldest parked commands of an account, in order of `n`, without those in `except`; at least one if there is one, else as many as the bounds allow. */
  oldest(accountId: string, except: readonly bigint[], limit: number): Promise<readonly ParkedRow[]>;
  /** Forgets commands whose outcome is durable. */
  unpark(rows: readonly Pick<ParkedRow, 'accountId' | 'n'>[]): Promise<void>;
  /** Accounts with parked commands that are not quarantined, by id, those after `after` (null: from the first). */
  accountsToTakeUp(after: string | null, limit: number): Promise<readonly string[]>;
}

/** An account that is to be set aside, as the node that owns its shard has found it. */
export interface Quarantine {
  readonly accountId: string;
  readonly shard: number;
  /** Epoch under which the shard was ours when something was found wrong. */
  readonly epoch: bigint;
  /** In words, for a person. */
  readonly reason: string;
}

export interface QuarantineStore {
  /**
   * Sets the account's status to `quarantined` and says so in the operator log; balance and seq stay as they are.
   * `fenced`: the shard has another epoch, nothing was written. Once more for the same account changes nothing.
   * Rejects when it is not known to be written.
   */
  setAside(quarantine: Quarantine): Promise<'quarantined' | 'fenced'>;
}

/** What is left to do of an outbox row, or what can be done of it at the moment. */
export type OutboxDue = 'all' | 'balances' | 'events';

/** An outbox row left by an incarnation that is gone. */
export interface OutboxTask {
  readonly outboxId: bigint;
  readonly due: OutboxDue;
  /** The balances it is about, as the ledger has them now; none where they are shown already. */
  readonly balances: readonly CachedBalance[];
}

/** Which rows are to be taken over. */
export interface OutboxTaking {
  /** At least so old. */
  readonly ageMs: number;
  readonly limit: number;
  /** Rows of ours that are being done, so left alone. */
  readonly known: readonly bigint[];
  /** What can be done: rows of which nothing can be done are left. */
  readonly able: OutboxDue;
}

/** What an outbox row wants told. */
export interface OutboxEvents {
  readonly accounts: readonly ToldAccount[];
  /** Events that no journal row tells. */
  readonly events: readonly BuiltEvent[];
}

export interface OutboxStore {
  /**
   * Takes up to `limit` rows, runs `work`, which does what is due and able. If it resolved, rows of which nothing is left to do
   * are deleted, of the others what is left is noted. Returns how many. `behind`: balances of rows that are left for later
   * because there are more than `limit`; nothing comes of their rows.
   */
  takeOver(
    taking: OutboxTaking,
    work: (tasks: readonly OutboxTask[], behind: readonly CachedBalance[]) => Promise<void>,
  ): Promise<number>;
  /** In the order given; a row that is gone has nothing to tell. */
  events(outboxIds: readonly bigint[]): Promise<readonly OutboxEvents[]>;
  /** Deletes these rows; those that somebody else works on are left to them. */
  remove(outboxIds: readonly bigint[]): Promise<void>;
}

/** Writes events that no journal row tells, as outbox rows. */
export interface AnnouncementStore {
  /** In a commit of their own. */
  announce(announcements: readonly Announcement[]): Promise<void>;
  /** Has `listener` told of every outbox row with such events, once it is committed: also of those written with something else. */
  onAnnounced(listener: (outboxId: bigint) => void): void;
}
