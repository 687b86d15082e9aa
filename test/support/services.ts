import { randomBytes } from 'node:crypto';
import amqp from 'amqplib';
import { Redis } from 'ioredis';
import pg from 'pg';
import { inject } from 'vitest';
import { DEAD_LETTER_QUEUES, INBOUND_QUEUES } from '../../src/contracts/queues.ts';
import { addVhosts } from '../../src/infra/services/broker-control.ts';
import type { BrokerControl } from '../../src/infra/services/broker-control.ts';
import { eventually } from './eventually.ts';

/**
 * Places of their own for integration tests, on the servers of this run (see servers-global-setup.ts).
 *
 * Every database, vhost and Redis database is used by one test file (or one test) alone; `drop` gives it back.
 */
export { eventually } from './eventually.ts';

export interface ServerUrls {
  readonly databaseUrl: string;
  readonly rabbitmqUrl: string;
  readonly redisUrl: string;
}

/** The shared servers themselves. Connect to what `withDatabase`, `freshVhost` and `freshRedis` give instead. */
export function serverUrls(): ServerUrls {
  const { databaseUrl, rabbitmqUrl, redisUrl } = inject('servers');
  return { databaseUrl, rabbitmqUrl, redisUrl };
}

export interface TestDatabase {
  readonly url: string;
  readonly pool: pg.Pool;
  /** Closes the pool, ends whoever is still connected and removes the database. */
  drop(): Promise<void>;
}

async function administrate(sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: inject('servers').databaseUrl });
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}

/** A new database: with our schema unless `migrated` is false, then without any table. Takes about 50 ms. */
export async function withDatabase(options: { readonly migrated?: boolean } = {}): Promise<TestDatabase> {
  const { databaseUrl, templateName } = inject('servers');
  const name = `paygate_test_${randomBytes(6).toString('hex')}`;
  const template = options.migrated === false ? 'template0' : templateName;
  await administrate(`create database ${name} template ${template}`);
  const url = new URL(databaseUrl);
  url.pathname = `/${name}`;
  const pool = new pg.Pool({ connectionString: url.href, max: 5 });
  // Connections that `drop` or a test ends under the pool: the next query reports them.
  pool.on('error', () => undefined);
  return {
    url: url.href,
    pool,
    drop: async () => {
      await pool.end();
      await administrate(`drop database if exists ${name} with (force)`);
    },
  };
}

export interface TestPlace {
  readonly url: string;
  drop(): Promise<void>;
}

async function deleteContractQueues(url: string): Promise<void> {
  const connection = await amqp.connect(url);
  const channel = await connection.createChannel();
  for (const queue of [...INBOUND_QUEUES, ...DEAD_LETTER_QUEUES]) await channel.deleteQueue(queue);
  await connection.close();
}

/**
 * A vhost without queues. On a broker that a variable names it is the named one, whose contract queues `drop` deletes; on
 * ours it stays until the broker goes, which saves half a second of CPU.
 */
export async function freshVhost(): Promise<TestPlace> {
  const { rabbitmqUrl, brokerControl } = inject('servers');
  if (brokerControl === null) {
    return { url: rabbitmqUrl, drop: () => deleteContractQueues(rabbitmqUrl) };
  }
  const url = new URL(rabbitmqUrl);
  url.pathname = `/${await nextVhost(brokerControl)}`;
  return { url: url.href, drop: () => Promise.resolve() };
}

/** Count up in database 0 of the shared Redis, so that no two test processes get the same number. */
const NEXT_DATABASE = 'paygate-test:next-database';
const NEXT_VHOST = 'paygate-test:next-vhost';
/** So many are made by one call of `rabbitmqctl`: each call costs half a second of CPU, a vhost some 20 ms. */
const VHOSTS_AT_ONCE = 12;
const PATIENCE = { timeoutMs: 150_000, pollMs: 20 };

/** Whoever gets the first number of a dozen makes all of them; the others wait for it. */
async function nextVhost(control: BrokerControl): Promise<string> {
  const { redisUrl, redisDatabases } = inject('servers');
  if (redisDatabases === 'one') {
    const name = `test-${randomBytes(6).toString('hex')}`;
    await addVhosts(control, [name]);
    return name;
  }
  const redis = new Redis(redisUrl);
  try {
    const number = (await redis.incr(NEXT_VHOST)) - 1;
    const first = number - (number % VHOSTS_AT_ONCE);
    const made = `${NEXT_VHOST}:made-from-${first}`;
    if (number === first) {
      await addVhosts(
        control,
        Array.from({ length: VHOSTS_AT_ONCE }, (_, index) => `test-${first + index}`),
      );
      await redis.set(made, 'yes');
    } else {
      await eventually(async () => {
        if ((await redis.exists(made)) === 0) throw new Error('the vhosts of this dozen are not there yet');
      }, PATIENCE);
    }
    return `test-${number}`;
  } finally {
    redis.disconnect();
  }
}

/** An empty Redis database. On a server that a variable names it is the named one. */
export async function freshRedis(): Promise<TestPlace> {
  const { redisUrl, redisDatabases } = inject('servers');
  const url = new URL(redisUrl);
  if (redisDatabases === 'numbered') {
    const counter = new Redis(redisUrl);
    url.pathname = `/${await counter.incr(NEXT_DATABASE)}`;
    counter.disconnect();
  }
  const emptied = async (): Promise<void> => {
    const redis = new Redis(url.href);
    await redis.flushdb();
    redis.disconnect();
  };
  return { url: url.href, drop: emptied };
}
