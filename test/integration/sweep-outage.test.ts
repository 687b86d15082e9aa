/**
 * A broker that restarts loses every message that waits in a queue: the Go API does not make them persistent. Without this: all
 * these payments stay PENDING for ever. Has servers of its own.
 */
import pg from 'pg';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { migrate } from '../../src/infra/postgres/migrate.ts';
import { startServers } from '../../src/infra/services/index.ts';
import type { RunningServers } from '../../src/infra/services/index.ts';
import { startNode } from '../../src/node.ts';
import type { RunningNode } from '../../src/node.ts';
import { MIX_DEFAULT } from '../../src/drive/traffic.ts';
import { QuietLogger } from '../support/fakes/quiet.ts';
import { eventually } from '../support/services.ts';
import { audited, backlog, cell, configOf, send, slowCommits } from './node-scene.ts';
import type { Place } from './node-scene.ts';

const LONG = { timeoutMs: 180_000 };
/** A refund does not survive: its row does not say of what it is. A card that nobody knows has no row. */
const WITH_ROWS = {
  mix: { ...MIX_DEFAULT, 'full-refund': 0, 'partial-refund': 0, 'over-refund': 0, 'unknown-card': 0 },
  documentedShare: 0,
};

let servers: RunningServers;
let place: Place;
let pool: pg.Pool;
const nodes: RunningNode[] = [];

beforeAll(async () => {
  servers = await startServers({ env: process.env, allowInstall: true });
  place = {
    databaseUrl: servers.postgres.url,
    rabbitmqUrl: servers.rabbitmq.url,
    redisUrl: servers.redis.url,
  };
  await migrate(place.databaseUrl);
  pool = new pg.Pool({ connectionString: place.databaseUrl, max: 5 });
  pool.on('error', () => undefined);
}, 180_000);

afterEach(() => Promise.all(nodes.splice(0).map((node) => node.drain())));

afterAll(async () => {
  await pool.end();
  await servers.stop();
}, 60_000);

const journalRows = async (): Promise<number> =>
  Number(await cell(pool, 'select count(*) from processor.journal'));

it('all that the broker has lost is decided in the end, once', { timeout: 300_000 }, async () => {
  await send(pool, place.rabbitmqUrl, { ...WITH_ROWS, accounts: 40 }, { transactions: 3_000 });
  const speedUp = await slowCommits(pool);
  // 200 a second: most of them are still with the broker when it stops, however long that takes.
  const settings = { PROCESSOR_PREFETCH: '20', SWEEP_AGE_MIN: '2s', SWEEP_POLL: '200ms' };
  const node = await startNode(configOf(place, settings), { logger: new QuietLogger() });
  nodes.push(node);
  await eventually(async () => expect(await journalRows()).toBeGreaterThan(100), LONG);
  expect(await backlog(place.rabbitmqUrl)).toBeGreaterThan(100);
  await servers.rabbitmq.restart('orderly');
  await speedUp();
  await eventually(async () => expect(await journalRows()).toBe(3_000), LONG);
  const swept = Number(await cell(pool, `select count(*) from processor.journal where road = 'sweep'`));
  expect(swept).toBeGreaterThan(100);
  await eventually(async () => {
    expect(await cell(pool, 'select count(*) from processor.outbox')).toBe('0');
    expect(await backlog(place.rabbitmqUrl)).toBe(0);
  }, LONG);
  await node.drain();
  const audit = await audited(pool, place.redisUrl);
  expect(audit.violations).toEqual([]);
  expect(audit.counts).toMatchObject({ decisions: 3_000, pending: 0, deadLetters: 0 });
});
