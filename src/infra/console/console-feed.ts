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
  /** One that throws is let go. */
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

const lastSecondOf = ({ points }: ClusterLook): number => points.at(-1)?.second ?? 0;

const pointsAfter = ({ points }: ClusterLook, second: number): readonly ClusterPoint[] =>
  points.filter((point) => point.second > second - SECONDS_AGAIN);

/**
 * Looks at the cluster once a second and tells all pages what it saw.
 *
 * F1. Without viewers nothing is asked of anybody.
 * F2. At most `consoleViewersMax` of them.
 * F3. A page that comes back with the second it had last gets what it missed; a new one gets all there is.
 * F4. A page that is gone, or throws, is let go, and costs the others nothing.
 * F5. A look that fails ends nothing but itself: what others tell of themselves may be of another version.
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

  get viewerCount(): number {
    return this.#viewers.size;
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
    return () => this.#remove(viewer);
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
      void this.#survive(turn).finally(() => {
        if (this.#cancels === cancels)
          cancels[loop] = clock.after(everyMs, () => repeat(loop, everyMs, turn));
      });
    };
    repeat(0, LIMITS.consoleTickMs, () => this.#look());
    repeat(1, LIMITS.consoleAccountTickMs, () => this.#followAccounts());
  }

  /** F5. */
  async #survive(turn: () => Promise<void>): Promise<void> {
    try {
      await turn();
    } catch (error) {
      this.#options.logger.warn({ err: error }, 'the console could not look, later again');
    }
  }

  async #look(): Promise<void> {
    const look = await this.#options.look();
    if (this.#loops === 'stopped') return;
    const before = this.#last;
    this.#last = look;
    const shards = JSON.stringify(look.shards);
    const shardsChanged = shards !== this.#lastShards;
    this.#lastShards = shards;
    for (const viewer of this.#viewers.keys()) {
      if (before === null) this.#greet(viewer, look);
      else
        this.#tell(viewer, look, pointsAfter(look, lastSecondOf(before)), shardsChanged ? look.shards : null);
    }
  }

  #greet(viewer: Viewer, look: ClusterLook): void {
    this.#tell(viewer, look, pointsAfter(look, viewer.since), look.shards);
  }

  #tell(
    viewer: Viewer,
    look: ClusterLook,
    points: readonly ClusterPoint[],
    shards: readonly ShardCell[] | null,
  ): void {
    const second = lastSecondOf(look);
    this.#guarded(viewer, () => {
      if (shards !== null) viewer.send('shards', shards, second);
      viewer.send('points', points, second);
      viewer.send('state', look.state, second);
    });
  }

  /** F4. */
  #guarded(viewer: Viewer, tell: () => void): void {
    try {
      tell();
    } catch (error) {
      this.#remove(viewer);
      this.#options.logger.warn({ err: error }, 'a page of the console threw and was let go');
    }
  }

  #remove(viewer: Viewer): void {
    this.#viewers.delete(viewer);
    if (this.#viewers.size === 0) this.stop();
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
      const second = this.#last === null ? 0 : lastSecondOf(this.#last);
      for (const [viewer, told] of this.#viewers) {
        if (viewer.accountId !== accountId || told.last === text) continue;
        told.last = text;
        this.#guarded(viewer, () => viewer.send('account', page, second));
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
