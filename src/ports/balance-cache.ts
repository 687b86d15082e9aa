/** A balance to show. `version` is the journal seq it belongs to: an older one never replaces a newer one. */
export interface CachedBalance {
  readonly kind: 'account' | 'card';
  readonly id: string;
  readonly cents: bigint;
  /** 0 or more. */
  readonly version: bigint;
}

/**
 * The cache is not the one whose generation the writer saw: it was flushed or its server restarted since. The
 * balances in hand may be older than others that were lost with it: read them again from the ledger, with a generation
 * taken before that, and write those.
 */
export class GenerationChanged extends Error {
  override readonly name = 'GenerationChanged';
}

/** `balance:<account id>` and `balance:card:<card id>` in Redis, expiry 24 h. */
export interface BalanceCache {
  /**
   * The generation of the cache's contents, as last seen; null while the cache is away. It changes with a FLUSHALL
   * (noticed by the next write) and with a restart of the server (noticed at once). Take it before reading the balances that are to be written.
   *
   * A confirmed write can still be lost by a crash of Redis within `LIMITS.cacheDurableMs`: forget that it was to
   * be done only if, after that time, the generation is still the one it was written under.
   */
  generation(): string | null;
  /**
   * Resolves when Redis has confirmed all of them (an older version left alone counts as done). Rejects with
   * `GenerationChanged` when `generation` is not the present one (or null), and otherwise when Redis did not answer;
   * some may then be written.
   */
  write(balances: readonly CachedBalance[], generation: string | null): Promise<void>;
}
