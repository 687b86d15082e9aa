import { LIMITS } from '../../limits.ts';
import type { Inbox } from '../../ports/cluster.ts';
import type { Clock } from '../../ports/runtime.ts';
import type { DirectoryWatch } from './directory-watch.ts';

export interface HealthGateOptions {
  readonly directory: Pick<DirectoryWatch, 'reachedAtMs'>;
  readonly inbox: Pick<Inbox, 'silentMs'>;
  readonly clock: Clock;
}

/** What keeps a node from having roles. */
export type GateState = 'open' | 'no-ledger' | 'no-inbox';

/**
 * Whether this node may have roles at all: who has not reached PostgreSQL and its own inbox within a lease time keeps no
 * role, else a node with half of its links holds its roles for ever.
 */
export class HealthGate {
  readonly #options: HealthGateOptions;

  constructor(options: HealthGateOptions) {
    this.#options = options;
  }

  /**
   * PostgreSQL was reached since then, and our inbox just now. Only then are leases renewed: they run out a lease time after a link
   * broke, not two (one until it is noticed, and one more).
   */
  isFresh(sinceMs: number): boolean {
    const { directory, inbox } = this.#options;
    return directory.reachedAtMs >= sinceMs && inbox.silentMs() <= LIMITS.inboxFreshMs;
  }

  state(): GateState {
    const { directory, inbox, clock } = this.#options;
    if (clock.now() - directory.reachedAtMs > LIMITS.leaseMs) return 'no-ledger';
    if (inbox.silentMs() > LIMITS.leaseMs) return 'no-inbox';
    return 'open';
  }
}
