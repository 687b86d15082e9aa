import type { PendingRow } from '../contracts/live-body.ts';

/** Place of a row in the order of the sweep. */
export interface RowPlace {
  /** As `PendingRow.createdAt`. */
  readonly createdAt: string;
  readonly id: string;
}

/** A stretch of time in which rows are looked for: created at `fromMs` or later, before `toMs`. */
export interface SweepSlice {
  readonly fromMs: number;
  readonly toMs: number;
  /** Only rows after this one; null: from the beginning. */
  readonly after: RowPlace | null;
}

export interface SweepPage {
  /** Rows of that time, in whatever status. */
  readonly examined: number;
  /** Eligible ones, oldest first. */
  readonly rows: readonly PendingRow[];
}

/** A turn of the one sweeper of the cluster. Times in milliseconds since the epoch, by the clock of the database. */
export interface SweepTurn {
  readonly nowMs: number;
  /** Up to where an earlier sweeper has looked; null: nobody has swept here before. */
  readonly markMs: number | null;
}

/**
 * Finds `PENDING` rows that nothing takes care of: no retry, nothing parked of their account, no open dead letter.
 *
 * Everything but `begin` and `release` is for whoever holds the turn, and rejects when it was lost meanwhile.
 */
export interface SweepStore {
  /** Takes the turn, or keeps it; null: another node has it. It is lost with the connection it was taken on. */
  begin(): Promise<SweepTurn | null>;
  /** Gives the turn back. Never rejects. Idempotent. */
  release(): Promise<void>;
  look(slice: SweepSlice, known: readonly string[], limit: number): Promise<SweepPage>;
  /** Rows that operators want driven, created before `toMs`, oldest first; `examined`: requests looked at. */
  ordered(toMs: number, known: readonly string[], limit: number): Promise<SweepPage>;
  /** Those of these rows that are still to be had. */
  again(ids: readonly string[]): Promise<readonly PendingRow[]>;
  /** Remembers up to where this sweeper has looked; closes letters about refunds that were decided all the same. */
  finish(markMs: number): Promise<void>;
  /** `PENDING` rows created before `beforeMs`: reads the whole table. */
  countOlder(beforeMs: number): Promise<number>;
}
