/**
 * Without these: after a FLUSHALL, or after somebody has written into the cache, the Go API would show nothing or a wrong balance until the
 * account moves the next time; or the command that is to mend that would put an old balance over a newer one.
 */
import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { mendCache, type Mended, type MendOptions } from '../../src/cli/cache/mend-cache.ts';
import { LedgerBalances } from '../../src/infra/postgres/ledger-balances.ts';
import { RedisBalanceCache } from '../../src/infra/redis/balance-cache.ts';
import { CacheInventory } from '../../src/infra/redis/cache-inventory.ts';
import { systemRandom } from '../../src/infra/system-clock.ts';
import { QuietLogger } from '../support/fakes/quiet.ts';
import { freshRedis, type TestPlace } from '../support/services.ts';
import { useDatabase } from '../support/use-database.ts';
import { audited } from './node-scene.ts';
import { CARD, EMPTY, FRESH, INHERITED, uuid, writeLedger } from './audit-ledger.ts';

const NOBODY = uuid(9, 1);
const NO_CARD = uuid(9, 2);

const database = useDatabase();
let place: TestPlace;
let redis: Redis;
let cache: RedisBalanceCache;

beforeAll(async () => {
  place = await freshRedis();
  redis = new Redis(place.url);
});
afterAll(async () => {
  redis.disconnect();
  await place.drop();
});
beforeEach(async () => {
  await redis.flushdb();
  await writeLedger(database.pool);
  cache = new RedisBalanceCache({
    url: place.url,
    name: 'test',
    logger: new QuietLogger(),
    random: systemRandom,
  });
});
afterEach(() => cache.close());

const mend = (extent: MendOptions['extent'], options: Partial<MendOptions> = {}): Promise<Mended> =>
  mendCache({
    ledger: new LedgerBalances(database.pool),
    inventory: new CacheInventory(redis),
    cache,
    extent,
    ...options,
  });

const shown = (): Promise<(string | null)[]> =>
  redis.mget(`balance:${FRESH}`, `balance:${INHERITED}`, `balance:card:${CARD}`, `balance:${EMPTY}`);

const RIGHT = ['550', '-250', '450'];

describe('warm', () => {
  it('writes what is missing, and that alone', async () => {
    await redis.set(`balance:${FRESH}`, '777');
    expect(await mend('missing')).toEqual({ written: 2, kept: 1, removed: 0, foreign: 0 });
    expect(await shown()).toEqual(['777', '-250', '450', null]);
    expect(await redis.get(`{balance:${INHERITED}}:v`)).toBe('2');
  });

  it('writes everything after a FLUSHALL', async () => {
    await mend('missing');
    await redis.flushdb();
    const steps: number[] = [];
    expect(await mend('missing', { onProgress: (done) => steps.push(done) })).toMatchObject({ written: 3 });
    expect(await shown()).toEqual([...RIGHT, null]);
    expect(steps.at(-1)).toBe(3);
    expect((await audited(database.pool, place.url)).violations).toEqual([]);
  });
});

describe('rebuild', () => {
  it('puts right what was overwritten, and removes what belongs to nobody', async () => {
    await mend('everything');
    await redis.mset(
      `balance:${FRESH}`,
      '0',
      `balance:card:${CARD}`,
      'nonsense',
      `balance:${EMPTY}`,
      '5',
      `balance:${NOBODY}`,
      '5',
      `{balance:${NOBODY}}:v`,
      '5',
      `balance:card:${NO_CARD}`,
      '5',
      'balance:of nature',
      'kept',
    );
    expect(await mend('everything')).toEqual({ written: 3, kept: 1, removed: 2, foreign: 1 });
    expect(await shown()).toEqual([...RIGHT, '0']);
    expect(await redis.exists(`balance:${NOBODY}`, `{balance:${NOBODY}}:v`, `balance:card:${NO_CARD}`)).toBe(
      0,
    );
    expect(await redis.get('balance:of nature')).toBe('kept');
    expect(await redis.ttl(`balance:${FRESH}`)).toBeGreaterThan(80_000);
  });

  it.each(['99', 'nonsense', '12345678901234567890123'])(
    'puts right a balance whose version nobody could have written: %s',
    async (version) => {
      await redis.mset(`balance:${FRESH}`, '1', `{balance:${FRESH}}:v`, version);
      await mend('everything');
      expect(await redis.mget(`balance:${FRESH}`, `{balance:${FRESH}}:v`)).toEqual(['550', '8']);
    },
  );

  it('leaves alone what a node writes meanwhile', async () => {
    const ledger = new LedgerBalances(database.pool);
    const read = ledger.read.bind(ledger);
    // A commit, and its cache write, between our look at the ledger and our write.
    ledger.read = async (kind, ids) => {
      const balances = await read(kind, ids);
      const id = ids.find((one) => one === FRESH);
      if (id !== undefined)
        await cache.write([{ kind: 'account', id, cents: 600n, version: 9n }], cache.generation());
      return balances;
    };
    await mend('everything', { ledger });
    expect(await redis.mget(`balance:${FRESH}`, `{balance:${FRESH}}:v`)).toEqual(['600', '9']);
  });

  it('begins anew when the cache is flushed meanwhile', async () => {
    const inventory = new CacheInventory(redis);
    const keys = inventory.keys.bind(inventory);
    let runs = 0;
    inventory.keys = async function* () {
      runs += 1;
      if (runs === 1) await redis.flushdb();
      yield* keys();
    };
    await mend('everything', { inventory });
    expect(runs).toBe(2);
    expect(await shown()).toEqual([...RIGHT, null]);
  });
});
