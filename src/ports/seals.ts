/** Up to where the journal can be sealed, as soon as `seal` finds that nobody is still writing before it. */
export interface SealHorizon {
  /** RFC 3339 with microseconds. */
  readonly through: string;
  /** A number that all commits under way are below. */
  readonly commit: string;
  /** How far it is beyond the last seal; null: nothing was ever sealed. */
  readonly aheadMs: number | null;
}

/** What came of one step. */
export type SealStep =
  /** Another node is sealing. */
  | { readonly kind: 'busy' }
  /** A commit that began before the horizon has not ended. */
  | { readonly kind: 'waiting' }
  /** `more`: there are further rows before the horizon. */
  | { readonly kind: 'sealed'; readonly rows: number; readonly more: boolean };

/** The seals of the journal (`processor.seals`). Everything rejects with the driver's error. */
export interface SealStore {
  horizon(): Promise<SealHorizon>;
  /** Seals the oldest rows that are not sealed, `LIMITS.sealRowsMax` of them or a few more. */
  seal(horizon: SealHorizon): Promise<SealStep>;
}
