/**
 * The outbox on a real server: what heals the balance cache after a crash. Without these, rows could be deleted before
 * their work is done (an old balance would stand for a day, an event would never be told), or be worked on by everybody at once.
 */
import { randomUUID } from 'node:crypto';
import type pg from 'pg';
import { afterEach, beforeEach, describe, expect, it, test } from 'vitest';
import { eventSchema } from '../../src/contracts/events.ts';
import { duplicateAnnounced, quarantineAnnounced } from '../../src/domain/announcement.ts';
import { Announcements } from '../../src/infra/postgres/announcements.ts';
import { PostgresDeadLetterStore } from '../../src/infra/postgres/dead-letter-store.ts';
import { PostgresOutboxStore } from '../../src/infra/postgres/outbox-store.ts';
import { createPool } from '../../src/infra/postgres/pool.ts';
import { PostgresRetryStore } from '../../src/infra/postgres/retry-store.ts';
import type { OutboxDue, OutboxTask } from '../../src/ports/stores.ts';
import { type TestDatabase, withDatabase } from '../support/services.ts';

let database: TestDatabase;
let ours: string;
let store: PostgresOutboxStore;

beforeEach(async () => {
  database = await withDatabase();
  ours = randomUUID();
  store = new PostgresOutboxStore(database.pool, ours);
});
afterEach(() => database.drop());

async function outboxRow(change: {
  incarnation?: string;
  ageMs?: number;
  accountIds?: readonly string[];
  cardIds?: readonly string[];
  due?: OutboxDue;
}): Promise<bigint> {
  const { rows } = await database.pool.query<{ id: string }>(
    `insert into processor.outbox (incarnation, created_at, account_ids, card_ids, from_seqs, to_seqs, due)
     values ($1, clock_timestamp() - $2::float8 * interval '1 millisecond', $3, $4,
             array_fill(1, array[cardinality($3::uuid[])]), array_fill(1, array[cardinality($3::uuid[])]), $5)
     returning id`,
    [
      change.incarnation ?? randomUUID(),
      change.ageMs ?? 60_000,
      change.accountIds ?? [],
      change.cardIds ?? [],
      change.due ?? 'all',
    ],
  );
  return BigInt(rows[0]!.id);
}

async function remaining(): Promise<bigint[]> {
  const { rows } = await database.pool.query<{ id: string }>('select id from processor.outbox order by id');
  return rows.map((row) => BigInt(row.id));
}

const idsOf = (tasks: readonly OutboxTask[]): bigint[] => tasks.map(({ outboxId }) => outboxId);

/** Work that the test ends. */
function heldWork(): {
  work: (tasks: readonly OutboxTask[]) => Promise<void>;
  begun: Promise<readonly OutboxTask[]>;
  finish: () => void;
} {
  let began: (tasks: readonly OutboxTask[]) => void;
  let finish: () => void;
  const begun = new Promise<readonly OutboxTask[]>((resolve) => (began = resolve));
  const done = new Promise<void>((resolve) => (finish = resolve));
  return {
    begun,
    finish: () => finish(),
    work: async (tasks) => {
      began(tasks);
      await done;
    },
  };
}

test('rows are taken when they are old enough, but for those of ours that are being done, with the balances of now', async () => {
  const [accountId, cardId, unknown] = [randomUUID(), randomUUID(), randomUUID()] as const;
  await database.pool.query(
    'insert into processor.accounts (account_id, balance_cents, seq) values ($1, -9007199254740993, 12)',
    [accountId],
  );
  await database.pool.query(
    'insert into processor.card_totals (card_id, account_id, total_cents, seq) values ($1, $2, 300, 11)',
    [cardId, accountId],
  );
  const first = await outboxRow({ accountIds: [accountId, unknown], cardIds: [cardId] });
  const second = await outboxRow({ accountIds: [accountId] });
  const own = await outboxRow({ incarnation: ours });
  const young = await outboxRow({ ageMs: 0 });
  const seen: OutboxTask[] = [];
  const taken = await store.takeOver({ ageMs: 30_000, limit: 10, known: [own], able: 'all' }, (tasks) => {
    seen.push(...tasks);
    return Promise.resolve();
  });
  const account = { kind: 'account', id: accountId, cents: -9007199254740993n, version: 12n };
  expect(seen).toEqual([
    {
      outboxId: first,
      due: 'all',
      balances: [account, { kind: 'card', id: cardId, cents: 300n, version: 11n }],
    },
    { outboxId: second, due: 'all', balances: [account] },
  ]);
  expect(taken).toBe(2);
  expect(await remaining()).toEqual([own, young]);
});

test('a row of ours that nobody knows of is taken: the answer of its commit was lost', async () => {
  const unknown = await outboxRow({ incarnation: ours });
  const seen: bigint[] = [];
  await store.takeOver({ ageMs: 0, limit: 10, known: [], able: 'all' }, (tasks) =>
    Promise.resolve(void seen.push(...idsOf(tasks))),
  );
  expect(seen).toEqual([unknown]);
  expect(await remaining()).toEqual([]);
});

test('a taker that loses its connection while it works leaves the rows to the next one', async () => {
  const id = await outboxRow({});
  const pool = createPool(
    { databaseUrl: database.url, applicationName: 'paygate:taker', connectionsMax: 1 },
    { warn: () => undefined },
  );
  const held = heldWork();
  const taking = new PostgresOutboxStore(pool, ours).takeOver(
    { ageMs: 0, limit: 10, known: [], able: 'all' },
    held.work,
  );
  const failure = expect(taking).rejects.toThrow();
  await held.begun;
  await database.pool.query(
    `select pg_terminate_backend(pid, 60000) from pg_stat_activity where datname = current_database() and application_name = 'paygate:taker'`,
  );
  const next: bigint[] = [];
  await store.takeOver({ ageMs: 0, limit: 10, known: [], able: 'all' }, (tasks) =>
    Promise.resolve(next.push(...idsOf(tasks))).then(() => undefined),
  );
  expect(next).toEqual([id]);
  held.finish();
  await failure;
  await pool.end();
  expect(await remaining()).toEqual([]);
});

test('where there are more than a portion, the balances of those behind it come along, and their rows stay', async () => {
  const ids = Array.from({ length: 4 }, () => randomUUID());
  await database.pool.query(
    'insert into processor.accounts (account_id, balance_cents, seq) select id, 5, 1 from unnest($1::uuid[]) g (id)',
    [ids],
  );
  const [first, second, told, mine] = [
    await outboxRow({ accountIds: ids.slice(0, 1) }),
    await outboxRow({ accountIds: ids.slice(1, 3) }),
    await outboxRow({ accountIds: ids.slice(3), due: 'events' }),
    await outboxRow({ accountIds: ids.slice(3), incarnation: ours }),
  ];
  const behind: string[][] = [];
  const take = (limit: number, able: OutboxDue): Promise<number> =>
    store.takeOver({ ageMs: 30_000, limit, known: [mine], able }, (_, more) => {
      behind.push(more.map(({ id }) => id).sort());
      return Promise.resolve();
    });
  await take(1, 'all');
  expect(await remaining()).toEqual([second, told, mine]);
  await take(1, 'events');
  await take(9, 'all');
  expect(behind).toEqual([ids.slice(1, 3).sort(), [], []]);
  expect(first).toBeLessThan(second);
  expect(await remaining()).toEqual([mine]);
});

test('balances are read after the rows are locked: a commit between the two is seen', async () => {
  const accountId = randomUUID();
  await database.pool.query(
    'insert into processor.accounts (account_id, balance_cents, seq) values ($1, 1, 1)',
    [accountId],
  );
  await outboxRow({ accountIds: [accountId] });
  const pool = interceptingPool(database.pool, async () => {
    await database.pool.query('update processor.accounts set balance_cents = 2, seq = 2');
  });
  const versions: bigint[] = [];
  await new PostgresOutboxStore(pool, ours).takeOver(
    { ageMs: 0, limit: 10, known: [], able: 'all' },
    (tasks) => {
      versions.push(...tasks.flatMap(({ balances }) => balances.map(({ version }) => version)));
      return Promise.resolve();
    },
  );
  expect(versions).toEqual([2n]);
});

/** The same pool; runs `between` once after the statement that locks outbox rows. */
function interceptingPool(pool: pg.Pool, between: () => Promise<void>): pg.Pool {
  const connect = async (): Promise<unknown> => {
    const client = await pool.connect();
    const query = async (text: string, values?: unknown[]): Promise<unknown> => {
      const result = await client.query(text, values);
      if (text.includes('skip locked')) await between();
      return result;
    };
    return { query, release: (error?: Error) => client.release(error) };
  };
  return { connect } as unknown as pg.Pool;
}

describe('announcements', () => {
  const announcements = (): { readonly written: bigint[]; readonly announcements: Announcements } => {
    const written: bigint[] = [];
    const made = new Announcements(database.pool, { incarnation: ours, events: 'on' });
    made.onAnnounced((outboxId) => void written.push(outboxId));
    return { written, announcements: made };
  };

  it('are a row of their own, with time and the account’s last seq, and are read as they were written', async () => {
    const { written, announcements: made } = announcements();
    const [known, stranger] = [randomUUID(), randomUUID()];
    await database.pool.query(
      'insert into processor.accounts (account_id, balance_cents, seq) values ($1, 5, 12)',
      [known],
    );
    await made.announce([
      duplicateAnnounced(known, randomUUID(), randomUUID()),
      quarantineAnnounced(stranger, 'a "quoted" \u0000 reason'),
    ]);
    expect(written).toEqual(await remaining());
    const [told] = await store.events(written);
    const time = expect.stringMatching(/^\d{4}-.*\.\d{6}Z$/) as string;
    expect(told).toMatchObject({
      accounts: [],
      events: [
        { type: 'transaction.duplicate', account_id: known, seq: 12, time },
        {
          type: 'account.quarantined',
          account_id: stranger,
          seq: 0,
          reason: 'a "quoted" \ufffd reason',
          time,
        },
      ],
    });
    for (const event of told?.events ?? []) eventSchema.parse(event);
    await made.announce([]);
    expect(await remaining()).toEqual(written);
  });

  it('of a retry and of a failure come with them, once: what is recorded already tells nothing', async () => {
    const { written, announcements: made } = announcements();
    const [transactionId, accountId] = [randomUUID(), randomUUID()];
    const body = Buffer.from('{}');
    const common = { transactionId, accountId, queue: 'refund_queue', body } as const;
    const retry = {
      ...common,
      attempt: 1,
      code: 'ORIGINAL_UNDECIDED',
      dueAtMs: 2_000,
      firstSeenAtMs: 1_000,
    } as const;
    await new PostgresRetryStore(database.pool, made).schedule([retry]);
    // Another body under the same id is not written, so not told.
    await new PostgresRetryStore(database.pool, made).schedule([{ ...retry, body: Buffer.from('[]') }]);
    const letter = {
      ...common,
      deadLetterQueue: 'transactions_dlq',
      code: 'COMMIT_REFUSED',
      detail: '',
      attempts: 2,
      firstSeenAt: '2026-11-22T10:40:00Z',
      redelivered: false,
      marksError: true,
    } as const;
    const letters = new PostgresDeadLetterStore(database.pool, made);
    const [letterId] = await letters.record([
      letter,
      { ...letter, code: 'PAYLOAD_MISMATCH', redelivered: false },
    ]);
    await letters.record([{ ...letter, redelivered: true }]);
    expect(written).toHaveLength(2);
    expect(written).toEqual(await remaining());
    const told = await store.events(written);
    expect(told.map(({ events }) => events.map((event) => [event.type, event.account_id]))).toEqual([
      [['transaction.retry_scheduled', accountId]],
      [['transaction.failed', accountId]],
    ]);
    expect(told[1]?.events[0]).toMatchObject({ dead_letter_id: Number(letterId), attempts: 2 });
    for (const event of told.flatMap(({ events }) => events)) eventSchema.parse(event);
  });
});
