/**
 * What a node loads, by its switches. Without this: a part that is switched off is loaded all the same, with its memory, its time to
 * start and whatever is wrong with it, because somebody imported it from a place that is always there.
 */
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startPaygateNode } from '../support/paygate.ts';
import { freshRedis, freshVhost, withDatabase } from '../support/services.ts';
import type { TestDatabase, TestPlace } from '../support/services.ts';
import { environmentOf } from './node-scene.ts';

/** What each switch brings along; the ledger's own switch there is none. */
const PARTS = {
  cache: ['dist/infra/redis/balance-cache.js'],
  metrics: ['dist/infra/metrics.js', 'node_modules/prom-client/'],
  tracing: ['dist/infra/tracing/otel-tracing.js', 'node_modules/@opentelemetry/sdk-trace/'],
  console: [
    'dist/node/node-console.js',
    'dist/node/node-inspection.js',
    'dist/infra/console/',
    'dist/infra/inspection/',
    'dist/infra/http/console-routes.js',
  ],
  events: ['dist/infra/rabbitmq/event-publisher.js'],
  rules: ['dist/supervisor/read-rule-set.js', 'dist/domain/rules/rule-set.js', 'dist/contracts/rule-set.js'],
  webhooks: ['dist/node/webhooks.js'],
} as const;

let database: TestDatabase;
let vhost: TestPlace;
let redis: TestPlace;

beforeAll(async () => {
  [database, vhost, redis] = await Promise.all([withDatabase(), freshVhost(), freshRedis()]);
});
afterAll(async () => {
  await Promise.all([database.drop(), vhost.drop(), redis.drop()]);
});

/** Addresses of all modules of a node that was started with these switches, did its work and was drained. */
async function loadedWith(FEATURES: string | undefined): Promise<readonly string[]> {
  const directory = await mkdtemp(join(tmpdir(), 'paygate-loaded-'));
  try {
    const place = { databaseUrl: database.url, rabbitmqUrl: vhost.url, redisUrl: redis.url };
    const settings = { FEATURES, WEBHOOK_KEY: '0123456789abcdef0123456789abcdef' };
    // V8 writes down at the end what it has compiled.
    const env = { ...environmentOf(place, settings), NODE_V8_COVERAGE: directory };
    const node = await startPaygateNode(env);
    expect(await node.drain()).toBe(0);
    const reports = await Promise.all(
      (await readdir(directory)).map(async (name) => {
        const report = JSON.parse(await readFile(join(directory, name), 'utf8')) as Report;
        return report.result.map(({ url }) => url);
      }),
    );
    return reports.flat();
  } finally {
    await rm(directory, { recursive: true });
  }
}

interface Report {
  readonly result: readonly { readonly url: string }[];
}

/** Parts that are there, of all. */
const partsAmong = (loaded: readonly string[]): readonly string[] =>
  Object.values(PARTS)
    .flat()
    .filter((part) => loaded.some((url) => url.includes(`/${part}`)));

it('all: everything is loaded, so that the names above are right', async () => {
  expect(partsAmong(await loadedWith('all'))).toEqual(Object.values(PARTS).flat());
});

it('unless something is said, all but tracing', async () => {
  const loaded = await loadedWith(undefined);
  const isOfTracing = (part: string): boolean => PARTS.tracing.some((other) => other === part);
  expect(partsAmong(loaded)).toEqual(
    Object.values(PARTS)
      .flat()
      .filter((part) => !isOfTracing(part)),
  );
});

it('minimal: the ledger, and none of them', async () => {
  const loaded = await loadedWith('minimal');
  expect(loaded.some((url) => url.includes('/dist/supervisor/settle.js'))).toBe(true);
  expect(partsAmong(loaded)).toEqual([]);
});
