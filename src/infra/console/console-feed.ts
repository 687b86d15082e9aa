import type {
  AccountPage,
  ClusterPoint,
  FeedEventName,
  FeedEvents,
  ShardCell,
} from '../../contracts/console.ts';
import { ensureError } from '../../domain/errors.ts';
import { LIMITS } from '../../limits.ts';
import type { Clock, Logger } from '../../ports/runtime.ts';
import type { ClusterLook } from './cluster-watch.ts';

/** One open page. */
export interface Viewer {
  /** The last second it has points of; 0: none. */
  readonly since: number;
  /** The account that it shows; null: none. */
  readonly accountId: string | null;
  /** Must not throw. */
  send<Name extends FeedEventName>(name: Name, data: FeedEvents[Name], second: number): void;
}

export interface ConsoleFeedOptions {
  readonly look: () => Promise<ClusterLook>;
  readonly account: (accountId: string) => Promise<AccountPage | null>;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Seconds that are sent again: what a node tells late belongs to one of them. */
const SECONDS_AGAIN = 4;

/**
 * Looks at the cluster once a second and tells all pages what it saw.
 *
 * F1. Without viewers nothing is asked of anybody.
 * F2. At most `consoleViewersMax` of them.
 * F3. A page that comes back with the second it had last gets what it missed; a new one gets all there is.
 */
export class ConsoleFeed {
  readonly #options: ConsoleFeedOptions;
  readonly #viewers = new Map<Viewer, { last: string }>();
  #last: ClusterLook | null = null;
  #lastShards = '';
  #loops: 'running' | 'stopped' = 'stopped';
  #cancels: (() => void)[] = [];

  constructor(options: ConsoleFeedOptions) {
    this.#options = options;
  }

  /** F2. */
  get isFull(): boolean {
    return this.#viewers.size >= LIMITS.consoleViewersMax;
  }

  /** Begins to tell a viewer; the returned function ends it. Throws when there are too many. */
  add(viewer: Viewer): () => void {
    if (this.isFull) throw new Error('too many viewers');
    this.#viewers.set(viewer, { last: '' });
    if (this.#last !== null) this.#greet(viewer, this.#last);
    if (this.#loops === 'stopped') this.#start();
    return () => {
      this.#viewers.delete(viewer);
      if (this.#viewers.size === 0) this.stop();
    };
  }

  stop(): void {
    this.#loops = 'stopped';
    for (const cancel of this.#cancels) cancel();
    this.#cancels = [];
    // What was seen is old when somebody comes again.
    this.#last = null;
  }

  #start(): void {
    this.#loops = 'running';
    const cancels = (this.#cancels = [() => undefined, () => undefined] as (() => void)[]);
    const { clock } = this.#options;
    const repeat = (loop: 0 | 1, everyMs: number, turn: () => Promise<void>): void => {
      void turn().finally(() => {
        if (this.#cancels === cancels)
          cancels[loop] = clock.after(everyMs, () => repeat(loop, everyMs, turn));
      });
    };
    repeat(0, LIMITS.consoleTickMs, () => this.#look());
    repeat(1, LIMITS.consoleAccountTickMs, () => this.#followAccounts());
  }

  async #look(): Promise<void> {
    const look = await this.#options.look();
    if (this.#loops === 'stopped') return;
    const isFirst = this.#last === null;
    this.#last = look;
    const shards = JSON.stringify(look.shards);
    const shardsChanged = shards !== this.#lastShards;
    this.#lastShards = shards;
    for (const viewer of this.#viewers.keys()) {
      if (isFirst) this.#greet(viewer, look);
      else this.#tell(viewer, look, look.points.slice(-SECONDS_AGAIN), shardsChanged ? look.shards : null);
    }
  }

  #greet(viewer: Viewer, look: ClusterLook): void {
    const missed = look.points.filter(({ second }) => second > viewer.since - SECONDS_AGAIN);
    this.#tell(viewer, look, missed, look.shards);
  }

  #tell(
    viewer: Viewer,
    look: ClusterLook,
    points: readonly ClusterPoint[],
    shards: readonly ShardCell[] | null,
  ): void {
    const second = look.points.at(-1)?.second ?? 0;
    if (shards !== null) viewer.send('shards', shards, second);
    viewer.send('points', points, second);
    viewer.send('state', look.state, second);
  }

  /** One query for all pages of an account; told when it differs from what was told before. */
  async #followAccounts(): Promise<void> {
    const followed = new Set([...this.#viewers.keys()].flatMap(({ accountId }) => accountId ?? []));
    await Promise.all([...followed].map((accountId) => this.#followAccount(accountId)));
  }

  async #followAccount(accountId: string): Promise<void> {
    try {
      const page = await this.#options.account(accountId);
      const text = JSON.stringify(page);
      const second = this.#last?.points.at(-1)?.second ?? 0;
      for (const [viewer, told] of this.#viewers) {
        if (viewer.accountId !== accountId || told.last === text) continue;
        told.last = text;
        viewer.send('account', page, second);
      }
    } catch (error) {
      // The state tells that PostgreSQL does not answer.
      this.#options.logger.debug(
        { account_id: accountId, reason: ensureError(error).message },
        'an account on the console could not be read',
      );
    }
  }
}
