// Without these, `npm start` and `npm test` could leave servers behind, and tests of failures could believe that a server
// was stopped, frozen or restarted when it was not.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import amqp from 'amqplib';
import { Redis } from 'ioredis';
import pg from 'pg';
import { describe, expect, test } from 'vitest';
import {
  controlBroker,
  servicesDown,
  servicesStatus,
  servicesUp,
  startServers,
} from '../../src/infra/services/index.ts';
import { isRunning, processName, processTree } from '../../src/infra/services/process-table.ts';
import { serverAnswers } from '../../src/infra/services/server-answers.ts';
import { processesIn, stateOf } from '../support/processes.ts';
import { eventually } from '../support/services.ts';

const env = process.env;
const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

async function sql(url: string, text: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => undefined);
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(text)).rows;
  } finally {
    await client.end();
  }
}

describe('a server of our own', () => {
  test('PostgreSQL keeps what was committed over a kill, and a pause stops its backends too', async () => {
    const { postgres, stop } = await startServers({ env, kinds: ['postgres'] });
    await sql(postgres.url, 'create table kept (n int); insert into kept values (7)');
    const before = postgres.pid;
    await postgres.restart('killed');
    expect(postgres.pid).not.toBe(before);
    expect(await sql(postgres.url, 'select n from kept')).toEqual([{ n: 7 }]);

    const client = new pg.Client({ connectionString: postgres.url });
    await client.connect();
    await postgres.pause();
    const answer = client.query('select 1').then(() => 'answered' as const);
    const states = (await processTree(postgres.pid!)).map(stateOf);
    // One that ended right then cannot be reaped by a server that stands still.
    expect(new Set(states.filter((state) => state !== 'Z'))).toEqual(new Set(['T']));
    await postgres.resume();
    expect(await answer).toBe('answered');
    await client.end();
    await stop();
  });

  test('Redis is durable, does not evict, and is away between stop and start', async () => {
    const { redis, stop, directory } = await startServers({ env, kinds: ['redis'] });
    const client = new Redis(redis.url);
    client.on('error', () => undefined);
    expect(await client.config('GET', 'appendonly')).toEqual(['appendonly', 'yes']);
    expect(await client.config('GET', 'maxmemory-policy')).toEqual(['maxmemory-policy', 'noeviction']);
    await client.set('balance:a', '5');
    await redis.stop();
    expect(redis.pid).toBeNull();
    await expect(serverAnswers.redis(redis.url)).rejects.toThrow();
    await redis.start();
    expect(await client.get('balance:a')).toBe('5');
    client.disconnect();
    const name = processName(redis.pid!);
    await stop();
    expect(isRunning(name)).toBe(false);
    expect(existsSync(directory)).toBe(false);
  });

  test('RabbitMQ obeys rabbitmqctl, loses only non-persistent messages in a restart, and takes its port mapper along', async () => {
    const { rabbitmq, brokerControl, stop, directory } = await startServers({ env, kinds: ['rabbitmq'] });
    const connection = await amqp.connect(rabbitmq.url);
    connection.on('error', () => undefined);
    const channel = await connection.createConfirmChannel();
    channel.on('error', () => undefined);
    await channel.assertQueue('kept', { durable: true });
    channel.sendToQueue('kept', Buffer.from('a'), { persistent: true });
    channel.sendToQueue('kept', Buffer.from('b'), { persistent: false });
    await channel.waitForConfirms();
    expect(await controlBroker(brokerControl!, ['list_queues', '-p', 'paygate', '-q', 'name'])).toContain(
      'kept',
    );
    const processes = processesIn(directory);
    expect(processes.some((line) => line.includes('epmd'))).toBe(true);

    await rabbitmq.restart('orderly');
    const again = await amqp.connect(rabbitmq.url);
    const { messageCount } = await (await again.createChannel()).checkQueue('kept');
    expect(messageCount).toBe(1);
    await again.close();
    await stop();
    expect(processesIn(directory)).toEqual([]);
  });

  test('a directory with something in it is refused, since it would be removed', async () => {
    await expect(startServers({ env, kinds: ['redis'], directory: here('.') })).rejects.toThrow(
      /is not empty/,
    );
    expect(existsSync(here('./services-lifecycle.test.ts'))).toBe(true);
  });
});

describe('nothing is left running', () => {
  test('when the process that started a server is killed', async () => {
    const owner = spawn(
      process.execPath,
      ['--import', here('../support/typescript-loader.mjs'), here('../support/owner-of-redis.ts')],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    );
    const [line] = (await once(createInterface({ input: owner.stdout }), 'line')) as [string];
    const { pid, url, directory } = JSON.parse(line) as { pid: number; url: string; directory: string };
    const redis = processName(pid);
    await serverAnswers.redis(url);
    owner.kill('SIGKILL');
    await eventually(() => {
      expect(isRunning(redis)).toBe(false);
      expect(existsSync(directory)).toBe(false);
    });
  });

  test('after `services down`, and until then all three serve', async () => {
    const workingDirectory = mkdtempSync(join(tmpdir(), 'paygate-standing-'));
    expect(await servicesDown({ workingDirectory })).toEqual({ kind: 'none' });
    const up = await servicesUp({ env, workingDirectory });
    expect(up.kind).toBe('started');
    expect(await servicesUp({ env, workingDirectory })).toEqual({ ...up, kind: 'already-running' });
    const status = await servicesStatus({ workingDirectory });
    expect(status).toMatchObject({ kind: 'known', services: [{}, {}, {}] });
    expect(status.kind === 'known' && status.services.every(({ state }) => state === 'serving')).toBe(true);
    const down = await servicesDown({ workingDirectory });
    expect(down).toMatchObject({ kind: 'ended', processes: 4 });
    expect(down.kind === 'ended' && existsSync(down.directory)).toBe(false);
    await expect(serverAnswers.postgres(up.urls.databaseUrl)).rejects.toThrow();
    expect(await servicesStatus({ workingDirectory })).toEqual({ kind: 'none' });
    rmSync(workingDirectory, { recursive: true });
  });
});
