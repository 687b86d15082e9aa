/**
 * Drive on real servers, doing what the contract says the Go API does. Without these, the demonstration would test
 * the processor with messages or rows that the real API never makes, or write invented money into a real ledger.
 */
import amqp, { type Channel, type ChannelModel } from 'amqplib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { TransactionCommand } from '../../src/contracts/command.ts';
import { decodeMessage } from '../../src/contracts/decode.ts';
import type { InboundQueue } from '../../src/contracts/queues.ts';
import { drive, type DriveOptions } from '../../src/drive/drive.ts';
import { GoApi } from '../../src/drive/go-api.ts';
import { ForeignDatabaseError, refuseForeignDatabase } from '../../src/drive/refuse-foreign-database.ts';
import { Traffic, TRAFFIC_DEFAULTS, type TrafficOptions } from '../../src/drive/traffic.ts';
import { freshVhost, withDatabase, type TestDatabase, type TestPlace } from '../support/services.ts';

let database: TestDatabase;
let vhost: TestPlace;
let connection: ChannelModel;
let channel: Channel;

beforeEach(async () => {
  [database, vhost] = await Promise.all([withDatabase(), freshVhost()]);
  connection = await amqp.connect(vhost.url);
  channel = await connection.createChannel();
});

afterEach(async () => {
  await connection.close();
  await Promise.all([database.drop(), vhost.drop()]);
});

const OPTIONS: DriveOptions = { transactions: 3_000, ratePerSecond: 0, backlogMax: null };

const trafficOf = (options: Partial<TrafficOptions> = {}): Traffic =>
  new Traffic({
    ...TRAFFIC_DEFAULTS,
    seed: 'seed',
    run: 'run',
    accounts: 40,
    duplicatesShare: 0.05,
    ...options,
  });

async function messagesIn(queue: InboundQueue): Promise<readonly amqp.GetMessage[]> {
  const messages: amqp.GetMessage[] = [];
  for (;;) {
    const message = await channel.get(queue, { noAck: true });
    if (message === false) return messages;
    messages.push(message);
  }
}

describe('drive', () => {
  it('leaves a PENDING row behind each live message, equal to it but for the refunded transaction', async () => {
    const report = await drive(new GoApi(database.pool, channel), trafficOf(), OPTIONS);
    const messages = await messagesIn('transactions_queue');
    const others = await Promise.all(
      (['refund_queue', 'calculate_balance_queue', 'balance_calculation_queue'] as const).map(messagesIn),
    );
    expect(messages.length + others.flat().length).toBe(report.messages);

    const live = new Map<string, TransactionCommand>();
    for (const { content, properties, fields } of messages) {
      expect(properties).toMatchObject({ contentType: 'application/json', headers: {} });
      expect([properties.deliveryMode, properties.messageId]).toEqual([undefined, undefined]);
      expect([fields.exchange, fields.routingKey]).toEqual(['', 'transactions_queue']);
      const decoded = decodeMessage('transactions_queue', content);
      if (!decoded.ok || decoded.command.kind !== 'transaction') throw new Error('not a transaction');
      if (decoded.command.shape === 'live') live.set(decoded.command.transactionId, decoded.command);
    }
    const { rows } = await database.pool.query<Record<string, string | null>>(
      `select id, account_id, card_id, amount_cents::text, status, type, idempotency_key, refund_transaction_id,
              to_char(created_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US') as created_at
       from transactions`,
    );
    expect(rows).toHaveLength(report.rowsInserted);
    expect(live.size).toBe(report.rowsInserted);
    for (const row of rows) {
      const command = live.get(row['id'] ?? '');
      expect(row).toEqual({
        id: command?.transactionId,
        account_id: command?.accountId,
        card_id: command?.cardId,
        amount_cents: command?.amountCents.toString(),
        status: 'PENDING',
        type: command?.type,
        idempotency_key: command?.idempotencyKey,
        refund_transaction_id: null,
        created_at: microsecondsOf(command?.occurredAt ?? ''),
      });
    }
  });

  it('publishes the messages of an account in the order of its rows', async () => {
    await drive(new GoApi(database.pool, channel), trafficOf({ accounts: 3, duplicatesShare: 0 }), OPTIONS);
    const last = new Map<string, string>();
    for (const { content } of await messagesIn('transactions_queue')) {
      const decoded = decodeMessage('transactions_queue', content);
      if (!decoded.ok || decoded.command.kind !== 'transaction' || decoded.command.shape !== 'live') continue;
      const at = microsecondsOf(decoded.command.occurredAt);
      expect(at > (last.get(decoded.command.accountId) ?? '')).toBe(true);
      last.set(decoded.command.accountId, at);
    }
    expect(last.size).toBe(3);
  });

  it('declares its queues without arguments and says so when one is there with others', async () => {
    const setUp = await connection.createChannel();
    await setUp.assertQueue('transactions_queue', { durable: true, messageTtl: 1_000 });
    channel.on('error', () => undefined);
    await expect(drive(new GoApi(database.pool, channel), trafficOf(), OPTIONS)).rejects.toThrow(
      /PRECONDITION_FAILED/,
    );
    await setUp.deleteQueue('transactions_queue');
  });

  it('says what to do when the same accounts are there already, and goes on with another run', async () => {
    const api = new GoApi(database.pool, channel);
    const few = { ...OPTIONS, transactions: 50 };
    await drive(api, trafficOf(), few);
    await expect(drive(api, trafficOf(), few)).rejects.toThrow(/the same seed needs another run/);
    await expect(drive(api, trafficOf({ run: 'second' }), few)).resolves.toMatchObject({ transactions: 50 });
  });

  it('fails when its channel closes, instead of waiting for ever', async () => {
    const doomed = await connection.createChannel();
    const api = new GoApi(database.pool, doomed);
    const running = drive(api, trafficOf(), {
      ...OPTIONS,
      transactions: null,
      onProgress: ({ transactions }) => {
        if (transactions === 2_000) void doomed.close();
      },
    });
    await expect(running).rejects.toThrow(/channel clos(ed|ing)/i);
  });
});

describe('a database that is not drive’s own', () => {
  it('is left alone unless it is named', async () => {
    const { pool } = database;
    await refuseForeignDatabase(pool);
    await drive(new GoApi(pool, channel), trafficOf(), { ...OPTIONS, transactions: 100 });
    await refuseForeignDatabase(pool);

    await pool.query(`insert into accounts (id, username) values ('${STRANGER}', 'maria')`);
    await refuseForeignDatabase(pool);
    await pool.query(
      `insert into transactions (account_id, amount_cents, status, type, idempotency_key)
       values ('${STRANGER}', 100, 'APPROVED', 'DEPOSIT', 'hers')`,
    );
    await expect(refuseForeignDatabase(pool)).rejects.toThrow(ForeignDatabaseError);
    await expect(refuseForeignDatabase(pool, 'another')).rejects.toThrow(/told to drive into/);
    await refuseForeignDatabase(pool, new URL(database.url).pathname.slice(1));
  });

  it('is refused when a transaction belongs to nobody, and when there are no tables', async () => {
    await database.pool.query(
      `insert into transactions (amount_cents, status, type, idempotency_key) values (1, 'PENDING', 'DEPOSIT', 'k')`,
    );
    await expect(refuseForeignDatabase(database.pool)).rejects.toThrow(/--into/);

    const empty = await withDatabase({ migrated: false });
    await expect(refuseForeignDatabase(empty.pool)).rejects.toThrow(/migrate/);
    await empty.drop();
  });
});

const STRANGER = '11111111-2222-4333-8444-555555555555';

/** `2026-11-22T10:40:00.5Z` → `2026-11-22T10:40:00.500000` */
function microsecondsOf(timestamp: string): string {
  const bare = timestamp.replace('Z', '');
  return (bare.includes('.') ? bare : `${bare}.`).padEnd(26, '0');
}
