import amqp from 'amqplib';
import type pg from 'pg';
import { loadConfig } from '../../src/config.ts';
import type { Config } from '../../src/config.ts';
import { INBOUND_QUEUES } from '../../src/contracts/queues.ts';
import type { DeadLetterQueue, InboundQueue } from '../../src/contracts/queues.ts';
import { drive } from '../../src/drive/drive.ts';
import type { DriveOptions, DriveReport } from '../../src/drive/drive.ts';
import { GoApi } from '../../src/drive/go-api.ts';
import { Traffic, TRAFFIC_DEFAULTS } from '../../src/drive/traffic.ts';
import type { TrafficOptions } from '../../src/drive/traffic.ts';
import { auditLedger } from '../../src/infra/postgres/audit.ts';
import type { AuditReport } from '../../src/infra/postgres/audit-report.ts';
import { queueStatus } from '../../src/infra/rabbitmq/queue-status.ts';
import { withCacheReader } from '../../src/infra/redis/cache-reader.ts';
import type { Environment } from '../../src/config.ts';
import type { RunningNode } from '../../src/node.ts';

/** The three places that one node works in. */
export interface Place {
  readonly databaseUrl: string;
  readonly rabbitmqUrl: string;
  readonly redisUrl: string;
}

export function environmentOf(place: Place, settings: Environment = {}): Record<string, string> {
  const given = Object.entries(settings).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return {
    DATABASE_URL: place.databaseUrl,
    RABBITMQ_URL: place.rabbitmqUrl,
    REDIS_URL: place.redisUrl,
    HTTP_PORT: '0',
    LOG_LEVEL: 'warn',
    RETRY_DELAY_MS: '100',
    DRAIN_TIMEOUT_MS: '120000',
    CLUSTER_GRACE_MS: '0',
    ...Object.fromEntries(given),
  };
}

export function configOf(place: Place, settings: Environment = {}): Config {
  return loadConfig(environmentOf(place, settings));
}

/** Sends a stream as the Go API does; resolves when all of it is in the queues. */
export async function send(
  pool: pg.Pool,
  rabbitmqUrl: string,
  traffic: Partial<TrafficOptions>,
  options: Partial<DriveOptions> = {},
): Promise<DriveReport> {
  const connection = await amqp.connect(rabbitmqUrl);
  connection.on('error', () => undefined);
  try {
    const channel = await connection.createChannel();
    channel.on('error', () => undefined);
    return await drive(
      new GoApi(pool, channel),
      new Traffic({ ...TRAFFIC_DEFAULTS, seed: 'node', run: 'run', accounts: 50, ...traffic }),
      { transactions: 1_000, ratePerSecond: 0, backlogMax: null, ...options },
    );
  } finally {
    await connection.close().catch(() => undefined);
  }
}

/** Publishes bodies with a connection of its own, as any producer might. */
export async function publish(
  rabbitmqUrl: string,
  bodies: readonly {
    /** Of the contract, or a partition. */
    readonly queue: string;
    readonly body: string | Buffer;
    readonly headers?: Readonly<Record<string, unknown>>;
  }[],
): Promise<void> {
  const connection = await amqp.connect(rabbitmqUrl);
  const channel = await connection.createConfirmChannel();
  for (const queue of new Set(bodies.map(({ queue }) => queue))) await channel.assertQueue(queue);
  for (const { queue, body, headers } of bodies)
    channel.publish('', queue, Buffer.from(body), { persistent: true, headers: { ...headers } });
  await channel.waitForConfirms();
  await connection.close();
}

/** Everything that stands in a queue, taken out of it. */
export async function messagesIn(
  rabbitmqUrl: string,
  queue: DeadLetterQueue | InboundQueue,
): Promise<readonly amqp.GetMessage[]> {
  const connection = await amqp.connect(rabbitmqUrl);
  const channel = await connection.createChannel();
  const messages: amqp.GetMessage[] = [];
  for (;;) {
    const message = await channel.get(queue, { noAck: true });
    if (message === false) break;
    messages.push(message);
  }
  await connection.close();
  return messages;
}

/** Messages that stand ready in the inbound queues. */
export async function backlog(rabbitmqUrl: string): Promise<number> {
  const found = await queueStatus(rabbitmqUrl, INBOUND_QUEUES);
  return [...found.values()].reduce((sum, status) => sum + (status?.messages ?? 0), 0);
}

/** Over the whole ledger and its cache; nothing may be left to do unless said otherwise. */
export async function audited(
  pool: pg.Pool,
  redisUrl: string,
  options: { readonly expectDrained?: boolean } = {},
): Promise<AuditReport> {
  const { expectDrained = true } = options;
  return withCacheReader(redisUrl, (readCached) =>
    auditLedger({ pool, readCached, expectCached: true, expectDrained }),
  );
}

/** A figure of the node, as `/metrics` shows it; 0: nothing was counted yet. */
export async function figure(node: Pick<RunningNode, 'address'>, name: string): Promise<number> {
  const text = await (await fetch(new URL('/metrics', node.address))).text();
  const line = text.split('\n').find((other) => other.startsWith(`${name} `));
  return line === undefined ? 0 : Number(line.slice(name.length + 1));
}

/**
 * From now on each commit takes 100 ms, so that with a small intake window (`PROCESSOR_PREFETCH`) a node is still at work
 * when a test looks, however late that is. Resolves with what undoes it.
 */
export async function slowCommits(pool: pg.Pool): Promise<() => Promise<void>> {
  await pool.query(`
    create function public.slow_down() returns trigger language plpgsql as
      $$ begin perform pg_sleep(0.1); return null; end $$;
    create trigger slow_down before insert on processor.journal execute function public.slow_down()`);
  return async () => {
    await pool.query('drop trigger slow_down on processor.journal; drop function public.slow_down()');
  };
}

/** A cell of the first row, as text. */
export async function cell(pool: pg.Pool, sql: string, values: readonly unknown[] = []): Promise<string> {
  const { rows } = await pool.query<Record<string, unknown>>(sql, [...values]);
  return String(Object.values(rows[0] ?? {})[0]);
}
