import type { Comparison } from './names.ts';
import type { DecidedRow, TableRow } from './table-row.ts';

/** What is to be done about a row that has changed. `again`: it has left `PENDING`. `same`: nothing that counts has changed. */
export type Seen =
  | { readonly kind: 'waits' }
  | { readonly kind: 'same' }
  | { readonly kind: 'again'; readonly decided: DecidedRow }
  | { readonly kind: 'told'; readonly comparison: Comparison };

export interface FollowedStart {
  /** When following began, by the clock of the server. */
  readonly startedAtMs: number;
  /** Rows that were `PENDING` then, with their amounts; the oldest first. */
  readonly pending: readonly (readonly [id: string, cents: bigint])[];
  /** Whether these are all of them. */
  readonly isComplete: boolean;
}

/** As a row was when it was last seen after `PENDING`; what it asked for, where that is known. */
interface Decided {
  readonly status: string;
  readonly askedCents: bigint | null;
}

/** Ids remembered of either kind: some 20 MB. */
const IDS_MAX = 50_000;
/** Clocks of the API and of the database may differ by so much. */
const SKEW_MS = 60_000;

/**
 * Tells a row that has just been decided from one that was decided long ago and has only been touched.
 *
 * F1. A row is decided again once, however often it is seen; one in `ERROR` was not decided, and is when it leaves that.
 * F2. Memory is bounded: of more than `idsMax` waiting rows the oldest are forgotten, and a later decision of theirs is `not-followed`.
 */
export class Followed {
  readonly #startedAtMs: number;
  readonly #idsMax: number;
  /** Amounts that were asked for. */
  readonly #waiting: Map<string, bigint>;
  readonly #decided = new Map<string, Decided>();
  #isComplete: boolean;

  constructor({ startedAtMs, pending, isComplete }: FollowedStart, idsMax = IDS_MAX) {
    this.#startedAtMs = startedAtMs;
    this.#idsMax = idsMax;
    this.#waiting = new Map(pending);
    this.#isComplete = isComplete;
  }

  /** Rows that are known to be `PENDING`. */
  get waiting(): number {
    return this.#waiting.size;
  }

  see(row: TableRow): Seen {
    if (row.status === 'PENDING') return this.#wait(row);
    const before = this.#decided.get(row.id);
    const askedCents = this.#waiting.get(row.id) ?? before?.askedCents ?? null;
    this.#waiting.delete(row.id);
    this.#remember(row, askedCents);
    if (before !== undefined) return seenAgain(row, before);
    if (askedCents !== null) return { kind: 'again', decided: { row, askedCents } };
    if (Date.parse(row.createdAt) >= this.#startedAtMs - SKEW_MS)
      return { kind: 'again', decided: { row, askedCents: centsOfKey(row) } };
    const comparison: Comparison =
      this.#isComplete && isRedelivered(row)
        ? changed(row, 'APPROVED')
        : { kind: 'not-compared', why: 'not-followed' };
    return { kind: 'told', comparison };
  }

  #wait(row: TableRow): Seen {
    if (!this.#waiting.has(row.id)) this.#waiting.set(row.id, row.amountCents);
    this.#decided.delete(row.id);
    if (this.#waiting.size > this.#idsMax) {
      forgetOldest(this.#waiting);
      this.#isComplete = false;
    }
    return { kind: 'waits' };
  }

  #remember({ id, status }: TableRow, askedCents: bigint | null): void {
    this.#decided.delete(id);
    this.#decided.set(id, { status, askedCents });
    if (this.#decided.size > this.#idsMax) forgetOldest(this.#decided);
  }
}

/** What has left `PENDING` before, and has changed again. */
function seenAgain(row: TableRow, { status, askedCents }: Decided): Seen {
  if (row.status === status) return { kind: 'same' };
  // Nothing was decided before: it was given up, and tried again.
  if (status === 'ERROR')
    return { kind: 'again', decided: { row, askedCents: askedCents ?? centsOfKey(row) } };
  return { kind: 'told', comparison: changed(row, status) };
}

function forgetOldest(map: Map<string, unknown>): void {
  const [oldest] = map.keys();
  if (oldest !== undefined) map.delete(oldest);
}

/** What says what it refunds was approved before it was rejected. */
function isRedelivered({ type, status, originalId }: TableRow): boolean {
  return type === 'REFUND' && status === 'REJECTED' && originalId !== null;
}

/** Nothing of ours leaves `APPROVED` or `REJECTED`. */
function changed(row: TableRow, before: string): Comparison {
  const theirs = { status: row.status, cents: row.amountCents, reason: null };
  const ours = { status: before, cents: row.amountCents, reason: null };
  const isKnown = row.type === 'REFUND' && before === 'APPROVED' && row.status === 'REJECTED';
  return isKnown
    ? { kind: 'known', name: 'redelivered-refund', theirs, ours }
    : { kind: 'unknown', theirs, ours };
}

/** The Go API's keys end with account, type and amount: that one stays when the row's is overwritten. */
function centsOfKey({ idempotencyKey, accountId, type }: TableRow): bigint | null {
  const [cents, keyType, keyAccount] = (idempotencyKey ?? '').split(':').reverse();
  const isTheirs = keyType === type && keyAccount === accountId && /^[1-9]\d{0,15}$/.test(cents ?? '');
  return isTheirs ? BigInt(cents ?? '') : null;
}
