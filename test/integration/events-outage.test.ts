/**
 * Events and webhooks while the broker restarts under load. Without this: a payment that was decided, and that nobody was ever told of.
 * Has servers of its own.
 */
import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { eventId } from '../../src/domain/event-id.ts';
import { migrate } from '../../src/infra/postgres/migrate.ts';
import { addEndpoint } from '../../src/infra/postgres/webhook-ledger.ts';
import { keyId, newSalt } from '../../src/infra/webhooks/endpoint-secret.ts';
import { startServers } from '../../src/infra/services/index.ts';
import type { RunningServers } from '../../src/infra/services/index.ts';
import { startNode } from '../../src/node.ts';
import type { RunningNode } from '../../src/node.ts';
import { EventQueue } from '../support/event-queue.ts';
import { QuietLogger } from '../support/fakes/quiet.ts';
import { eventually } from '../support/services.ts';
import { WebhookReceiver } from '../support/webhook-receiver.ts';
import { backlog, cell, configOf, send, slowCommits } from './node-scene.ts';
import type { Place } from './node-scene.ts';

/** A server has to start in between. */
const LONG = { timeoutMs: 120_000 };

const WEBHOOK_KEY = 'a key of the tests that is long enough';

let servers: RunningServers;
let place: Place;
let pool: pg.Pool;
let node: RunningNode;

beforeAll(async () => {
  servers = await startServers({ env: process.env, allowInstall: true });
  place = {
    databaseUrl: servers.postgres.url,
    rabbitmqUrl: servers.rabbitmq.url,
    redisUrl: servers.redis.url,
  };
  await migrate(place.databaseUrl);
});

afterAll(() => servers.stop());

beforeEach(() => {
  pool = new pg.Pool({ connectionString: place.databaseUrl, max: 5 });
  pool.on('error', () => undefined);
});

afterEach(async () => {
  await node.drain();
  await pool.end();
});

const decided = async (): Promise<number> =>
  Number(await cell(pool, 'select count(*) from processor.journal'));

it(
  'a broker restart: every decision is told, some perhaps twice, under the same id',
  { timeout: 240_000 },
  async () => {
    const queue = await EventQueue.bind(place.rabbitmqUrl);
    await send(pool, place.rabbitmqUrl, { accounts: 40, balanceRequestsShare: 0 }, { transactions: 2_000 });
    const speedUp = await slowCommits(pool);
    const receiver = await WebhookReceiver.listen();
    const settings = { PROCESSOR_PREFETCH: '25', WEBHOOK_KEY, WEBHOOK_ALLOW: 'http,loopback' };
    await addEndpoint(
      pool,
      { url: receiver.url(), types: ['transaction.approved'], keyId: keyId(WEBHOOK_KEY), salt: newSalt() },
      { operator: 'test', why: 'test' },
    );
    node = await startNode(configOf(place, settings), { logger: new QuietLogger() });
    await eventually(async () => expect(await decided()).toBeGreaterThan(300), LONG);
    await servers.rabbitmq.restart('orderly');
    await speedUp();
    await eventually(() => expect(node.status().status).toBe('ready'), LONG);
    await send(pool, place.rabbitmqUrl, { accounts: 10, run: 'again' }, { transactions: 300 });
    await eventually(async () => {
      expect(await backlog(place.rabbitmqUrl)).toBe(0);
      expect(await cell(pool, 'select count(*) from processor.outbox')).toBe('0');
    }, LONG);
    const events = await queue.events();
    const { rows } = await pool.query<{ outcome: string; account_id: string; seq: string }>(
      'select lower(outcome) as outcome, account_id, seq from processor.journal',
    );
    const expected = rows.map(({ outcome, account_id, seq }) =>
      eventId(`transaction.${outcome} ${account_id} ${seq}`),
    );
    const told = events.filter(
      ({ type }) => type === 'transaction.approved' || type === 'transaction.rejected',
    );
    expect(new Set(told.map(({ id }) => id))).toEqual(new Set(expected));
    const approved = events.filter(({ type }) => type === 'transaction.approved').map(({ id }) => id);
    await eventually(() => expect(new Set(receiver.ids())).toEqual(new Set(approved)), {
      ...LONG,
      pollMs: 500,
    });
    await receiver.close();
    const lines = new Map<string, string>();
    for (const { event, line } of queue.received) {
      expect(lines.get(event.id) ?? line).toBe(line);
      lines.set(event.id, line);
    }
  },
);
