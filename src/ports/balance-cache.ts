/** A balance to show. `version` is the journal seq it belongs to: an older one never replaces a newer one. */
export interface CachedBalance {
  readonly kind: 'account' | 'card';
  readonly id: string;
  readonly cents: bigint;
  readonly version: bigint;
}

/** `balance:<account id>` and `balance:card:<card id>` in Redis, expiry 24 h. */
export interface BalanceCache {
  /** Resolves when Redis has confirmed all of them (an older version left alone counts as done). Rejects when it did not answer. */
  write(balances: readonly CachedBalance[]): Promise<void>;
}
