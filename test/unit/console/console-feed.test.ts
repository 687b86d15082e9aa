/**
 * What an open page is told, second by second. Without this: a page that comes back has a hole in its plots, or is sent five
 * minutes again each time; a page that nobody looks at any more goes on asking the ledger; one slow page makes the others late.
 */
import { beforeEach, describe, expect, it } from 'vitest';
import type {
  AccountPage,
  ClusterPoint,
  ClusterState,
  FeedEventName,
} from '../../../src/contracts/console.ts';
import type { ClusterLook } from '../../../src/infra/console/cluster-watch.ts';
import { ConsoleFeed, type Viewer } from '../../../src/infra/console/console-feed.ts';
import { LIMITS } from '../../../src/limits.ts';
import { FakeClock } from '../../support/fakes/fake-clock.ts';
import { QuietLogger } from '../../support/fakes/quiet.ts';

const NOW_SECOND = 1_800_000_000;

function point(second: number): ClusterPoint {
  const none = { p50Ms: null, p95Ms: null, p99Ms: null, mailboxAgeMs: 0, commitSize: null };
  return { second, received: 1, approved: 1, rejected: 0, retried: 0, ...none };
}

const STATE: ClusterState = {
  ...{ at: '2027-01-15T08:00:00.000Z', servedBy: 'node-1', troubles: [], paused: null },
  ...{ health: [], nodes: [], waiting: null },
  accounts: { active: 0, states: {}, hot: [], stuck: [] },
};

function accountPage(accountId: string, seq: string): AccountPage {
  return {
    ...{ accountId, balanceCents: '0', overdraftCents: '0', seq, status: 'active', shard: 1, epoch: '1' },
    ...{ owner: 'node-1', takenAt: null, retries: 0, parked: 0, deadLetters: 0, journal: [], live: null },
  };
}

class Page implements Viewer {
  readonly since: number;
  readonly accountId: string | null;
  readonly told: { readonly name: FeedEventName; readonly data: unknown; readonly second: number }[] = [];

  constructor({ since = 0, accountId = null }: Partial<Pick<Viewer, 'since' | 'accountId'>> = {}) {
    this.since = since;
    this.accountId = accountId;
  }

  send(name: FeedEventName, data: unknown, second: number): void {
    this.told.push({ name, data, second });
  }

  /** Seconds of points it was sent, in the order sent. */
  get seconds(): readonly number[] {
    return this.told.flatMap(({ name, data }) =>
      name === 'points' ? (data as readonly ClusterPoint[]).map(({ second }) => second) : [],
    );
  }

  of(name: FeedEventName): readonly unknown[] {
    return this.told.filter((one) => one.name === name).map(({ data }) => data);
  }
}

/** A cluster with five minutes of past, and a look that tells one more second each time. */
class Scene {
  readonly clock = new FakeClock(NOW_SECOND * 1_000);
  looks = 0;
  accountReads: string[] = [];
  seq = 1;
  shards: ClusterLook['shards'] = [];
  readonly feed = new ConsoleFeed({
    look: () => {
      this.looks += 1;
      return Promise.resolve(this.#look());
    },
    account: (accountId) => {
      this.accountReads.push(accountId);
      return Promise.resolve(accountPage(accountId, String(this.seq)));
    },
    clock: this.clock,
    logger: new QuietLogger(),
  });

  get second(): number {
    return Math.floor(this.clock.now() / 1_000);
  }

  /** So many seconds, one at a time, as they come. */
  async pass(seconds: number): Promise<void> {
    for (let passed = 0; passed < seconds; passed += 1) {
      this.clock.advance(1_000);
      await settled();
    }
  }

  #look(): ClusterLook {
    const first = this.second - LIMITS.figureSecondsMax + 1;
    const points = Array.from({ length: LIMITS.figureSecondsMax }, (_, index) => point(first + index));
    return { state: STATE, shards: this.shards, points };
  }
}

/** Everything that only waits for promises has happened. */
const settled = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

let scene: Scene;
beforeEach(() => {
  scene = new Scene();
});

async function opened(page: Page): Promise<() => void> {
  const leave = scene.feed.add(page);
  await settled();
  return leave;
}

const range = (from: number, to: number): readonly number[] =>
  Array.from({ length: to - from + 1 }, (_, index) => from + index);

describe('a page', () => {
  it('gets all there is at first, five minutes and not more, then the last seconds each second', async () => {
    const page = new Page();
    await opened(page);
    expect(page.seconds).toEqual(range(NOW_SECOND - LIMITS.figureSecondsMax + 1, NOW_SECOND));
    const before = page.seconds.length;
    await scene.pass(3);
    expect(page.seconds.length - before).toBeLessThanOrEqual(3 * 5);
    expect(page.seconds.at(-1)).toBe(NOW_SECOND + 3);
    expect(page.of('state')).toHaveLength(4);
  });

  it('that comes back gets what it missed, all of it, and not what it has', async () => {
    await opened(new Page());
    await scene.pass(60);
    const lastHad = scene.second - 40;
    const page = new Page({ since: lastHad });
    await opened(page);
    for (const second of range(lastHad + 1, scene.second)) expect(page.seconds).toContain(second);
    // A few are sent again: a node may have told its part of them late.
    expect(Math.min(...page.seconds)).toBeGreaterThanOrEqual(lastHad - 4);
  });

  it('has no hole where the node itself stood still', async () => {
    const page = new Page();
    await opened(page);
    await scene.pass(1);
    scene.clock.advance(20_000);
    await settled();
    await scene.pass(1);
    for (const second of range(NOW_SECOND, scene.second)) expect(page.seconds).toContain(second);
  });

  it('has the second of its last point as the id of everything, so that it can say where it was', async () => {
    const page = new Page();
    await opened(page);
    expect(new Set(page.told.map(({ second }) => second))).toEqual(new Set([NOW_SECOND]));
  });

  it('hears of the shards when they change, and only then', async () => {
    const page = new Page();
    await opened(page);
    await scene.pass(3);
    expect(page.of('shards')).toHaveLength(1);
    scene.shards = [{ shard: 0, owner: 'node-2', epoch: '2', since: null, moving: false, accounts: 0 }];
    await scene.pass(3);
    expect(page.of('shards')).toEqual([[], scene.shards]);
  });
});

describe('an account', () => {
  it('is read once for all of its pages, and told when it changed', async () => {
    const pages = [new Page({ accountId: 'a' }), new Page({ accountId: 'a' }), new Page()];
    for (const page of pages) await opened(page);
    await scene.pass(5);
    expect(pages.map((page) => page.of('account').length)).toEqual([1, 1, 0]);
    const reads = scene.accountReads.length;
    scene.seq = 2;
    await scene.pass(1);
    expect(pages[0]?.of('account')).toMatchObject([{ seq: '1' }, { seq: '2' }]);
    expect(pages[1]?.of('account')).toHaveLength(2);
    expect(scene.accountReads.length - reads).toBeLessThanOrEqual(
      Math.ceil(1_000 / LIMITS.consoleAccountTickMs),
    );
  });
});

describe('bounds', () => {
  it('only so many pages', async () => {
    const leaves = [];
    for (let n = 0; n < LIMITS.consoleViewersMax; n += 1) leaves.push(await opened(new Page()));
    expect(scene.feed.isFull).toBe(true);
    expect(() => scene.feed.add(new Page())).toThrow('too many viewers');
    leaves[0]?.();
    expect(scene.feed.isFull).toBe(false);
  });

  it('however many pages there are, the cluster is looked at once a second', async () => {
    for (let n = 0; n < 10; n += 1) await opened(new Page());
    const before = scene.looks;
    await scene.pass(5);
    expect(scene.looks - before).toBe(5);
  });

  it('when the last page has gone nothing is asked any more, until one comes', async () => {
    const leave = [await opened(new Page({ accountId: 'a' })), await opened(new Page())];
    await scene.pass(2);
    for (const one of leave) one();
    expect(scene.clock.timerCount).toBe(0);
    const [looks, reads] = [scene.looks, scene.accountReads.length];
    await scene.pass(30);
    expect([scene.looks, scene.accountReads.length]).toEqual([looks, reads]);
    const page = new Page();
    await opened(page);
    // What was seen before is old: it is not shown as if it were of now.
    expect(page.told[0]?.second).toBe(scene.second);
  });
});

describe('nobody is hurt', () => {
  it('by a page that throws: it is let go, the others and the next seconds go on', async () => {
    const [bad, good] = [new Page(), new Page()];
    await opened(bad);
    await opened(good);
    bad.send = () => {
      throw new Error('gone');
    };
    const before = good.of('state').length;
    await scene.pass(1);
    expect(good.of('state')).toHaveLength(before + 1);
    expect(good.seconds.at(-1)).toBe(scene.second);
    expect(scene.feed.viewerCount).toBe(1);
  });

  it('by a look that fails: the next one is taken all the same', async () => {
    const page = new Page();
    let looks = 0;
    const feed = new ConsoleFeed({
      look: () => {
        looks += 1;
        if (looks === 2) return Promise.reject(new Error('a figure of another version'));
        return Promise.resolve({ state: STATE, shards: [], points: [point(NOW_SECOND + looks)] });
      },
      account: () => Promise.resolve(null),
      clock: scene.clock,
      logger: new QuietLogger(),
    });
    feed.add(page);
    await settled();
    await scene.pass(2);
    expect(page.seconds).toEqual([NOW_SECOND + 1, NOW_SECOND + 3]);
  });

  it('by an account that cannot be read: the next look tries again', async () => {
    const page = new Page({ accountId: 'a' });
    let isAway = true;
    const feed = new ConsoleFeed({
      look: () => Promise.resolve({ state: STATE, shards: [], points: [point(NOW_SECOND)] }),
      account: () => (isAway ? Promise.reject(new Error('away')) : Promise.resolve(accountPage('a', '7'))),
      clock: scene.clock,
      logger: new QuietLogger(),
    });
    feed.add(page);
    await scene.pass(2);
    expect(page.of('account')).toEqual([]);
    isAway = false;
    await scene.pass(1);
    expect(page.of('account')).toMatchObject([{ seq: '7' }]);
  });
});
