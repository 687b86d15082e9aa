/**
 * Without this: metrics that Prometheus cannot read or reads wrongly, a dashboard of zeros, labels without bound, figures of a ledger
 * that does not answer any more.
 */
import { afterEach, beforeEach, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { send } from '../integration/node-scene.ts';
import { openScene, promtool } from './scene.ts';
import type { Scene } from './scene.ts';

let scene: Scene;
beforeEach(async () => {
  scene = await openScene();
});
afterEach(() => scene.drop());

const read = async (address: string): Promise<string> => (await fetch(new URL('/metrics', address))).text();

/** Value of a series written like this; null: it is not there. */
function valueOf(text: string, series: string): number | null {
  const line = text.split('\n').find((other) => other.startsWith(`${series} `));
  return line === undefined ? null : Number(line.slice(series.length + 1));
}

it('promtool has nothing to say about them, before and after traffic', async () => {
  const node = await scene.start();
  expect(await promtool(['check', 'metrics'], await read(node.address))).toBe('');
  await send(scene.database.pool, scene.place.rabbitmqUrl, { documentedShare: 0.2 }, { transactions: 500 });
  await eventually(async () => {
    const text = await read(node.address);
    expect(valueOf(text, 'paygate_in_flight')).toBe(0);
    expect(valueOf(text, 'paygate_processing_duration_seconds_count')).toBeGreaterThanOrEqual(500);
  });
  const text = await read(node.address);
  expect(await promtool(['check', 'metrics'], text)).toBe('');
  expect(text.split('\n').filter((line) => line !== '' && !line.startsWith('#')).length).toBeLessThan(500);
});

it('they say what the node has: connections, actors, shards, memory, what waits', async () => {
  const node = await scene.start();
  await send(scene.database.pool, scene.place.rabbitmqUrl, { accounts: 40 }, { transactions: 300 });
  await eventually(async () => {
    const text = await read(node.address);
    expect(valueOf(text, 'paygate_ready')).toBe(1);
    expect(valueOf(text, 'paygate_active_connections{server="rabbitmq"}')).toBe(8);
    expect(valueOf(text, 'paygate_active_connections{server="redis"}')).toBe(3);
    expect(valueOf(text, 'paygate_active_connections{server="postgresql"}')).toBeGreaterThan(1);
    for (const server of ['postgresql', 'rabbitmq', 'redis'])
      expect(valueOf(text, `paygate_connection_state{server="${server}",state="up"}`)).toBe(1);
    expect(valueOf(text, 'paygate_actors{state="active.idle"}')).toBe(40);
    expect(valueOf(text, 'paygate_shards{state="owned"}')).toBe(256);
    expect(valueOf(text, 'paygate_shards_taken_total')).toBe(256);
    expect(valueOf(text, 'paygate_unowned_shards')).toBe(0);
    expect(valueOf(text, 'paygate_mailbox_commands')).toBe(0);
    expect(valueOf(text, 'paygate_oldest_command_age_seconds')).toBe(0);
    expect(valueOf(text, 'paygate_retries_waiting')).toBe(0);
    expect(valueOf(text, 'paygate_outbox_rows')).toBe(0);
    expect(valueOf(text, 'paygate_memory_limit_bytes')).toBeGreaterThan(1e8);
    expect(valueOf(text, 'paygate_cache_write_duration_seconds_count')).toBeGreaterThan(0);
    expect(valueOf(text, 'paygate_queue_depth{queue="transactions_queue"}')).toBe(0);
  });
});

/** What an operator is promised, whatever happened so far. */
const PROMISED = [
  'paygate_transactions_processed_total counter',
  'paygate_processing_duration_seconds histogram',
  'paygate_active_connections gauge',
  'paygate_connection_state gauge',
  'paygate_queue_depth gauge',
  'paygate_commit_commands histogram',
  'paygate_commit_duration_seconds histogram',
  'paygate_mailbox_commands gauge',
  'paygate_mailbox_commands_max gauge',
  'paygate_oldest_command_age_seconds gauge',
  'paygate_deferrals_total counter',
  'paygate_retries_waiting gauge',
  'paygate_dead_letters_total counter',
  'paygate_dead_letters_open gauge',
  'paygate_active_accounts gauge',
  'paygate_actors gauge',
  'paygate_shards gauge',
  'paygate_unowned_shards gauge',
  'paygate_shards_lost_total counter',
  'paygate_fenced_shards_total counter',
  'paygate_forwards_total counter',
  'paygate_cache_writes_total counter',
  'paygate_outbox_age_seconds gauge',
  'paygate_seal_age_seconds gauge',
  'nodejs_eventloop_lag_p99_seconds gauge',
  'process_cpu_seconds_total counter',
  'process_resident_memory_bytes gauge',
] as const;

it('every figure that was promised is there, by its name and kind', async () => {
  const node = await scene.start();
  const text = await read(node.address);
  const kinds = text.split('\n').flatMap((line) => /^# TYPE (.+)$/.exec(line)?.[1] ?? []);
  expect(PROMISED.filter((promised) => !kinds.includes(promised))).toEqual([]);
});

it('an audit shows, the last one counts; without one there is no figure', async () => {
  const node = await scene.start();
  const note = (subject: string) =>
    scene.database.pool.query(
      `insert into processor.operator_log (operator, action, subject) values ('x', 'verify', $1)`,
      [subject],
    );
  expect(valueOf(await read(node.address), 'paygate_audit_failed')).toBeNull();
  await note('audit:passed');
  await eventually(async () => expect(valueOf(await read(node.address), 'paygate_audit_failed')).toBe(0));
  await note('audit:failed');
  await eventually(async () => expect(valueOf(await read(node.address), 'paygate_audit_failed')).toBe(1));
});

it('a ledger that does not answer is missing in the figures, and holds nobody up', async () => {
  const node = await scene.start();
  await eventually(async () =>
    expect(valueOf(await read(node.address), 'paygate_retries_waiting')).not.toBeNull(),
  );
  const blocker = await scene.database.pool.connect();
  try {
    await blocker.query('begin; lock table processor.retries in access exclusive mode');
    await eventually(async () =>
      expect(valueOf(await read(node.address), 'paygate_retries_waiting')).toBeNull(),
    );
    expect(valueOf(await read(node.address), 'paygate_ready')).toBe(1);
  } finally {
    await blocker.query('rollback');
    blocker.release();
  }
});
