/** What `auditLedger` found. Amounts inside details are cents. */

export const SEAL_VIOLATION_KINDS = [
  'sealed-row-changed',
  'sealed-row-missing',
  'row-not-sealed',
  'seal-gap',
  'seal-changed',
  'seal-unchained',
  'seal-head-unknown',
] as const;

export const VIOLATION_KINDS = [
  'seq-gap',
  'balance-step',
  'below-overdraft',
  'amount-not-requested',
  'epoch-fell',
  'epoch-ahead',
  'account-row-missing',
  'balance-not-journal',
  'balance-not-last',
  'seq-not-last',
  'account-not-as-ordered',
  'transaction-row-missing',
  'status-not-journal',
  'row-not-journal',
  'decided-elsewhere',
  'balance-not-formula',
  'effect-unclear',
  'opening-not-covered',
  'refunds-exceed-original',
  'refund-of-unfit-original',
  'card-total-not-formula',
  ...SEAL_VIOLATION_KINDS,
  'cache-differs',
  'cache-missing',
  'pending-untouched',
  'outbox-left',
] as const;
export type ViolationKind = (typeof VIOLATION_KINDS)[number];

export interface ViolationSample {
  readonly accountId: string | null;
  readonly transactionId: string | null;
  /** In words, with both figures. */
  readonly detail: string;
}

export interface Violation {
  readonly kind: ViolationKind;
  /** Exact, however many samples there are. */
  readonly count: number;
  readonly samples: readonly ViolationSample[];
}

export interface AuditCounts {
  readonly accounts: number;
  /** Openings of inherited balances; not decisions. */
  readonly openings: number;
  /** Operators' orders that moved no money; not decisions. */
  readonly orders: number;
  /** Approved and rejected, adjustments by operators included. */
  readonly decisions: number;
  readonly approved: number;
  readonly rejected: number;
  readonly rejectedByReason: Readonly<Record<string, number>>;
  /** Rows of `transactions`, in any status. */
  readonly transactions: number;
  readonly pending: number;
  readonly errors: number;
  readonly retries: number;
  readonly parked: number;
  /** Open ones. */
  readonly deadLetters: number;
  readonly outbox: number;
  /** Cached balances that were compared; 0 where the cache was not asked for. */
  readonly cached: number;
}

/** What is sealed of the journal. */
export interface SealCounts {
  readonly seals: number;
  readonly rows: number;
  /** Up to when; RFC 3339, null = nothing is sealed. */
  readonly through: string | null;
  /** SHA-256 over the last seals of all shards. Kept elsewhere, it shows later whether what was sealed then was sealed anew. */
  readonly head: string | null;
  /** Of a head that was kept: up to when the seals that made it are as they were. Absent: none was given, or none of them makes it. */
  readonly keptThrough?: string;
}

export interface AuditReport {
  readonly ok: boolean;
  readonly counts: AuditCounts;
  readonly sealed: SealCounts;
  /** Pending rows that are in no other table of ours: their message was lost, or has not been processed yet. */
  readonly pending: Violation | null;
  /** In the order of `VIOLATION_KINDS`. */
  readonly violations: readonly Violation[];
  readonly durationMs: number;
}

/** Told of each violation as it is found, in no order. */
export type OnViolation = (kind: ViolationKind, violation: ViolationSample) => void;

/** Gathers violations of many statements and ranges: counts, and some of each kind. */
export class ViolationTally {
  readonly #sampleMax: number;
  readonly #onViolation: OnViolation | null;
  readonly #found = new Map<ViolationKind, { count: number; readonly samples: ViolationSample[] }>();

  constructor(sampleMax: number, onViolation: OnViolation | null) {
    this.#sampleMax = sampleMax;
    this.#onViolation = onViolation;
  }

  /** `samples` are some of the `count` violations, at least one; all of them where somebody is told of each. */
  add(kind: ViolationKind, count: number, samples: readonly ViolationSample[]): void {
    const found = this.#found.get(kind) ?? { count: 0, samples: [] };
    found.count += count;
    found.samples.push(...samples.slice(0, this.#sampleMax - found.samples.length));
    this.#found.set(kind, found);
    for (const sample of samples) this.#onViolation?.(kind, sample);
  }

  violations(): readonly Violation[] {
    return VIOLATION_KINDS.flatMap((kind) => {
      const found = this.#found.get(kind);
      return found === undefined ? [] : [{ kind, ...found }];
    });
  }
}
