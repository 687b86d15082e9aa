/**
 * Dead letters, retries and parked commands on a real server. A message is acknowledged on the word of these stores:
 * without these tests one could be lost (not stored whole, replaced by another), or stored twice.
 */
import { createHash, randomUUID } from 'node:crypto';
import pg from 'pg';
import { expect, test } from 'vitest';
import { PostgresDeadLetterStore } from '../../src/infra/postgres/dead-letter-store.ts';
import { PostgresParkStore } from '../../src/infra/postgres/park-store.ts';
import { PostgresRetryStore } from '../../src/infra/postgres/retry-store.ts';
import type { Retry } from '../../src/ports/stores.ts';
import { letter } from '../support/letter.ts';
import { eventually } from '../support/services.ts';
import { useDatabase } from '../support/use-database.ts';

const database = useDatabase();

async function rowsOf(sql: string, values: unknown[] = []): Promise<pg.QueryResultRow[]> {
  return (await database.pool.query<pg.QueryResultRow>(sql, values)).rows;
}

async function pendingTransaction(status = 'PENDING'): Promise<string> {
  const [account] = await rowsOf(`insert into accounts(username) values ('u') returning id`);
  const [row] = await rowsOf(
    `insert into transactions(account_id, amount_cents, status, type, idempotency_key)
     values ($1, 5, $2, 'DEPOSIT', gen_random_uuid()) returning id`,
    [account!['id'], status],
  );
  return row!['id'] as string;
}

const statusOf = async (id: string): Promise<unknown> =>
  (await rowsOf('select status from transactions where id = $1', [id]))[0]!['status'];

test('a dead letter is kept as it came, with its reason and its times', async () => {
  const store = new PostgresDeadLetterStore(database.pool);
  const body = Buffer.from([0x00, 0xff, 0x7b, 0x5c, 0x22]);
  const [transactionId, accountId] = [randomUUID(), randomUUID()] as const;
  const given = letter({
    transactionId,
    accountId,
    body,
    attempts: 3,
    detail: 'a "quoted" \\ détail with U+0000 \0, {curly} and ,',
  });
  const [id] = await store.record([given]);
  expect(await rowsOf('select *, first_seen_at::text as seen from processor.dead_letters')).toMatchObject([
    {
      id: String(id),
      queue: 'transactions_queue',
      dead_letter_queue: 'system_dlq',
      code: 'BODY_NOT_JSON',
      detail: given.detail.replace('\0', '\uFFFD'),
      transaction_id: transactionId,
      account_id: accountId,
      body,
      body_bytes: '5',
      body_sha256: createHash('sha256').update(body).digest(),
      attempts: 3,
      seen: expect.stringContaining('.123456') as unknown,
      state: 'open',
    },
  ]);
});

test('ids come in the order of the letters, also over several statements and with large bodies', async () => {
  const store = new PostgresDeadLetterStore(database.pool);
  const large = Buffer.alloc(1024 * 1024, 'x');
  const tooLarge = Buffer.concat([large, Buffer.from('y')]);
  const letters = [
    ...Array.from({ length: 700 }, (_, place) => letter({ detail: `letter ${place}` })),
    ...Array.from({ length: 10 }, (_, place) => letter({ detail: `letter ${700 + place}`, body: large })),
    letter({ detail: 'letter 710', body: tooLarge, code: 'BODY_TOO_LARGE' }),
    letter({ detail: 'letter 711', body: Buffer.alloc(0), code: 'BODY_EMPTY' }),
  ];
  const ids = await store.record(letters);
  expect(new Set(ids).size).toBe(712);
  const rows = await rowsOf(
    `select id, detail, length(body) as kept, body_bytes::int as bytes, body_sha256 from processor.dead_letters order by id`,
  );
  const byId = new Map(rows.map((row) => [row['id'], row]));
  expect(ids.map((id): unknown => byId.get(String(id))!['detail'])).toEqual(
    letters.map(({ detail }) => detail),
  );
  expect(byId.get(String(ids[705]))).toMatchObject({ kept: 1_048_576, bytes: 1_048_576 });
  expect(byId.get(String(ids[710]))).toMatchObject({
    kept: 65_536,
    bytes: 1_048_577,
    body_sha256: createHash('sha256').update(tooLarge).digest(),
  });
  expect(byId.get(String(ids[711]))).toMatchObject({ kept: 0, bytes: 0 });
  expect(await store.record([])).toEqual([]);
});

test('a letter that says so turns its PENDING row into ERROR in the same commit, and no other row', async () => {
  const store = new PostgresDeadLetterStore(database.pool);
  const [marked, approved, unmarked] = [
    await pendingTransaction(),
    await pendingTransaction('APPROVED'),
    await pendingTransaction(),
  ];
  await store.record([
    letter({ transactionId: marked, marksError: true, code: 'COMMIT_REFUSED' }),
    letter({ transactionId: approved, marksError: true }),
    letter({ transactionId: unmarked, marksError: false, code: 'PAYLOAD_MISMATCH' }),
    letter({ transactionId: randomUUID(), marksError: true }),
  ]);
  expect([await statusOf(marked), await statusOf(approved), await statusOf(unmarked)]).toEqual([
    'ERROR',
    'APPROVED',
    'PENDING',
  ]);
  const other = await pendingTransaction();
  const bad = letter({ transactionId: other, marksError: true, firstSeenAt: 'no time at all' });
  await expect(store.record([letter(), bad])).rejects.toThrow();
  expect(await statusOf(other)).toBe('PENDING');
  expect(await rowsOf('select count(*)::int as n from processor.dead_letters')).toEqual([{ n: 4 }]);
});

test('a letter whose row somebody else holds is left out, without waiting; the others of its batch are recorded', async () => {
  const impatient = new pg.Pool({ connectionString: database.url, options: '-c lock_timeout=2s' });
  const store = new PostgresDeadLetterStore(impatient);
  const [held, free] = [await pendingTransaction(), await pendingTransaction()];
  const letters = [
    letter({ transactionId: held, marksError: true }),
    letter({ transactionId: free, marksError: true }),
    letter({ transactionId: held, marksError: false, code: 'PAYLOAD_MISMATCH' }),
  ];
  const holder = await database.pool.connect();
  try {
    await holder.query('begin');
    await holder.query('select from public.transactions where id = $1 for update', [held]);
    const ids = await store.record(letters);
    expect(ids).toEqual([null, expect.anything(), expect.anything()]);
    expect([await statusOf(held), await statusOf(free)]).toEqual(['PENDING', 'ERROR']);
  } finally {
    await holder.query('commit');
    holder.release();
  }
  expect(await store.record(letters.slice(0, 1))).toEqual([expect.anything()]);
  expect(await statusOf(held)).toBe('ERROR');
  expect(await rowsOf('select count(*)::int as n from processor.dead_letters')).toEqual([{ n: 3 }]);
  await impatient.end();
});

function retry(change: Partial<Retry> = {}): Retry {
  return {
    transactionId: randomUUID(),
    accountId: randomUUID(),
    attempt: 1,
    code: 'ROW_MISSING',
    queue: 'transactions_queue',
    body: Buffer.from('{"a":1}'),
    dueAtMs: 1_795_400_000_123,
    firstSeenAtMs: 1_795_300_000_001,
    ...change,
  };
}

test('of two bodies scheduled at the same time one stays and the other gets it back', async () => {
  const store = new PostgresRetryStore(database.pool);
  const first = retry();
  const other = { ...first, body: Buffer.from('{"a":2}') };
  // The first insert is held open, so that the second one meets a row that its snapshot does not show.
  const gate = await database.pool.connect();
  try {
    await gate.query('begin');
    await gate.query(
      `insert into processor.retries select $1, $2, 0, 1, 'ROW_MISSING', $3, $4, to_timestamp($5), to_timestamp($6)`,
      [
        first.transactionId,
        first.accountId,
        first.queue,
        first.body,
        first.dueAtMs / 1000,
        first.firstSeenAtMs / 1000,
      ],
    );
    const scheduling = store.schedule([other]);
    await eventually(async () => {
      const waiting = await rowsOf(
        `select from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()`,
      );
      expect(waiting).toHaveLength(1);
    });
    await gate.query('commit');
    expect(await scheduling).toEqual([first]);
  } finally {
    gate.release(true);
  }
});

test('batches in opposite orders do not deadlock', async () => {
  const store = new PostgresRetryStore(database.pool);
  const retries = Array.from({ length: 400 }, () => retry());
  const batches = Array.from({ length: 8 }, (_, n) => (n % 2 === 0 ? retries : retries.toReversed()));
  for (const answer of await Promise.all(batches.map((batch) => store.schedule(batch))))
    expect(answer.every((stands) => stands === null)).toBe(true);
  await Promise.all(batches.map((batch) => store.remove(batch)));
  expect(await rowsOf('select from processor.retries')).toEqual([]);
});

test('parked commands are numbered in the order in which they were given', async () => {
  const store = new PostgresParkStore(database.pool);
  const accountId = randomUUID();
  const command = (n: number) => ({
    accountId,
    shard: 3,
    epoch: 0n,
    queue: 'transactions_queue' as const,
    body: Buffer.from(`body ${n}`),
    reason: 'account quarantined',
  });
  await store.park(Array.from({ length: 300 }, (_, n) => command(n)));
  await store.park([command(300)]);
  await store.park([]);
  const rows = await rowsOf('select * from processor.parked where account_id = $1 order by n', [accountId]);
  expect(rows.map((row) => (row['body'] as Buffer).toString())).toEqual(
    Array.from({ length: 301 }, (_, n) => `body ${n}`),
  );
  expect(rows[0]).toMatchObject({ queue: 'transactions_queue', reason: 'account quarantined' });
});
