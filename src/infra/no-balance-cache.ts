import type { BalanceCache } from '../ports/balance-cache.ts';
import type { LinkState } from '../ports/connection.ts';

/** A balance cache as a node has it, with the state of its connection. */
export interface CacheConnection extends BalanceCache {
  state(): LinkState;
  /** Idempotent; never rejects. */
  close(): Promise<void>;
}

/**
 * The cache where `FEATURES` leaves it out: nothing is written, so everything is written at once, and nothing can be lost. A
 * balance request is acknowledged and leaves no key.
 */
export class NoBalanceCache implements CacheConnection {
  readonly #redis: { state(): LinkState };

  /** `redis`: a connection to the server that the node has for its leases. */
  constructor(redis: { state(): LinkState }) {
    this.#redis = redis;
  }

  state(): LinkState {
    return this.#redis.state();
  }

  generation(): string {
    return 'none';
  }

  write(): Promise<void> {
    return Promise.resolve();
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}
