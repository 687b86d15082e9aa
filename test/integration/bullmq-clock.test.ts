/**
 * Without these, a retry could ring twice or never, an outage of Redis could hang or kill the node, and a closed node could stay alive.
 */
import { randomUUID } from 'node:crypto';
import { execa } from 'execa';
import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { BullRetryClock, type RetryClockOptions } from '../../src/infra/bullmq/retry-clock.ts';
import { startServers, type RunningServers } from '../../src/infra/services/index.ts';
import { systemRandom } from '../../src/infra/system-clock.ts';
import { QuietLogger } from '../support/fakes/quiet.ts';
import { eventually, freshRedis, type TestPlace } from '../support/services.ts';

function optionsFor(url: string): RetryClockOptions & { readonly logger: QuietLogger } {
  return { url, name: 'test-node', prefix: 'test', logger: new QuietLogger(), random: systemRandom };
}

async function ready(clock: BullRetryClock): Promise<void> {
  await eventually(() => expect(clock.state()).toBe('up'));
}

function sockets(): number {
  return process.getActiveResourcesInfo().filter((name) => name === 'TCPSocketWrap').length;
}

class Rung {
  readonly alarms: string[] = [];
  readonly onDue = (transactionId: string, attempt: number): Promise<void> => {
    this.alarms.push(`${transactionId}-a${attempt}`);
    return Promise.resolve();
  };
}

describe('on a shared server', () => {
  let place: TestPlace;
  let redis: Redis;
  let clock: BullRetryClock;
  let logger: QuietLogger;

  beforeAll(async () => {
    place = await freshRedis();
    redis = new Redis(place.url);
  });
  beforeEach(async () => {
    const options = optionsFor(place.url);
    logger = options.logger;
    clock = new BullRetryClock(options);
    await ready(clock);
  });
  afterEach(() => clock.stop());
  afterAll(async () => {
    redis.disconnect();
    await place.drop();
  });

  it('rings after the delay, once, however often it was armed', async () => {
    const rung = new Rung();
    await clock.start(rung.onDue);
    const id = randomUUID();
    const armedAtMs = performance.now();
    await Promise.all([clock.arm(id, 1, 300), clock.arm(id, 1, 300), clock.arm(id, 2, 400)]);
    await eventually(() => expect(rung.alarms.toSorted()).toEqual([`${id}-a1`, `${id}-a2`]));
    // Clocks that count whole milliseconds may be one short.
    expect(performance.now() - armedAtMs).toBeGreaterThan(298);
    expect(clock.unarmed).toBe(0);
    // Nothing is kept: an id that is kept could never be armed again.
    await eventually(async () => expect(await redis.keys(`test:paygate-retries:${id}*`)).toEqual([]));
    await clock.arm(id, 1, 1);
    await eventually(() => expect(rung.alarms).toHaveLength(3));
  });

  it('rings many at once, without waiting for one that is slow to be taken', async () => {
    let release = (): void => undefined;
    const slow = new Promise<void>((resolve) => {
      release = resolve;
    });
    const rung = new Rung();
    await clock.start(async (id, attempt) => {
      await rung.onDue(id, attempt);
      if (id === 'slow') await slow;
    });
    await clock.arm('slow', 1, 0);
    await eventually(() => expect(rung.alarms).toEqual(['slow-a1']));
    await Promise.all(Array.from({ length: 100 }, (_, n) => clock.arm(`t${n}`, 1, 10)));
    await eventually(() => expect(rung.alarms).toHaveLength(101));
    release();
  });

  it('forgets an alarm that was not taken, and says so', async () => {
    await clock.start(() => Promise.reject(new Error('not now')));
    await clock.arm('t', 1, 0);
    await eventually(() => expect(logger.messages('warn')).toHaveLength(1));
    await eventually(async () => expect(await redis.exists('test:paygate-retries:t-a1')).toBe(0));
  });

  it('goes on after everything was flushed', async () => {
    const rung = new Rung();
    await clock.start(rung.onDue);
    await clock.arm('before', 1, 60_000);
    await redis.flushdb();
    await clock.arm('after', 1, 50);
    await eventually(() => expect(rung.alarms).toEqual(['after-a1']));
  });

  it('leaves no connection open when it is stopped, started or not', async () => {
    await clock.stop();
    // That of the test itself.
    await eventually(() => expect(sockets()).toBe(1));
    const idle = new BullRetryClock(optionsFor(place.url));
    await ready(idle);
    await idle.stop();
    const working = new BullRetryClock(optionsFor(place.url));
    await ready(working);
    const rung = new Rung();
    await working.start(rung.onDue);
    await working.arm('t', 1, 0);
    await eventually(() => expect(rung.alarms).toHaveLength(1));
    await working.stop();
    await working.stop();
    await eventually(() => expect(sockets()).toBe(1));
  });
});

describe('on a server that fails', () => {
  let servers: RunningServers<'redis'>;

  beforeAll(async () => {
    servers = await startServers({ env: process.env, kinds: ['redis'], allowInstall: true });
  });
  beforeEach(() => servers.redis.start());
  afterAll(() => servers.stop());

  it('arming never throws or hangs while Redis is away, and goes on when it is back', async () => {
    const clock = new BullRetryClock(optionsFor(servers.redis.url));
    await ready(clock);
    const rung = new Rung();
    await clock.start(rung.onDue);
    await clock.arm('survives', 1, 4_000);
    await servers.redis.stop('orderly');
    await eventually(() => expect(clock.state()).not.toBe('up'));
    await clock.arm('lost', 1, 0);
    expect(clock.unarmed).toBe(1);
    await servers.redis.start();
    await ready(clock);
    await clock.arm('new', 1, 10);
    await eventually(() => expect(rung.alarms).toContain('new-a1'));
    await eventually(() => expect(rung.alarms).toContain('survives-a1'));
    expect(rung.alarms).not.toContain('lost-a1');
    await clock.stop();
  });

  it('works when Redis was away at the start', async () => {
    await servers.redis.stop('orderly');
    const clock = new BullRetryClock(optionsFor(servers.redis.url));
    const rung = new Rung();
    await clock.start(rung.onDue);
    await clock.arm('lost', 1, 0);
    await eventually(() => expect(clock.state()).toBe('down'));
    await servers.redis.start();
    await ready(clock);
    await clock.arm('t', 1, 0);
    await eventually(() => expect(rung.alarms).toEqual(['t-a1']));
    await clock.stop();
  });

  it('leaves nothing behind that keeps a process alive, when Redis was away all the time', async () => {
    await servers.redis.stop('orderly');
    const file = (path: string): string => JSON.stringify(new URL(path, import.meta.url).href);
    const script = `
      const { BullRetryClock } = await import(${file('../../src/infra/bullmq/retry-clock.ts')});
      const { QuietLogger } = await import(${file('../support/fakes/quiet.ts')});
      const options = { name: 'child', prefix: 'test', logger: new QuietLogger(), random: { next: () => 0.5 } };
      const clock = new BullRetryClock({ ...options, url: process.argv[1] });
      await clock.start(async () => {});
      // Both connections, so that the worker waits in its main loop.
      while (options.logger.messages('warn').length < 2) await new Promise((resolve) => setTimeout(resolve, 10));
      await clock.arm('t', 1, 0);
      await clock.stop();
    `;
    const loader = new URL('../support/typescript-loader.mjs', import.meta.url).href;
    const args = ['--import', loader, '--input-type=module', '--eval', script, servers.redis.url];
    await execa(process.execPath, args, { timeout: 90_000 });
  });

  it('arming answers, and stopping ends, while Redis is frozen or away', async () => {
    const before = sockets();
    const frozen = new BullRetryClock(optionsFor(servers.redis.url));
    await ready(frozen);
    await frozen.start(() => Promise.resolve());
    await frozen.arm('t', 1, 60_000);
    await servers.redis.pause();
    try {
      await frozen.arm('t', 2, 0);
      expect(frozen.unarmed).toBe(1);
      await frozen.stop();
    } finally {
      await servers.redis.resume();
    }
    const away = new BullRetryClock(optionsFor(servers.redis.url));
    await ready(away);
    await away.start(() => Promise.resolve());
    await servers.redis.stop('orderly');
    await eventually(() => expect(away.state()).not.toBe('up'));
    await away.stop();
    await eventually(() => expect(sockets()).toBeLessThanOrEqual(before));
  });
});
