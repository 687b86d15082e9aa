/**
 * What the processor is compared with: the worker that everybody writes first. Prefetch 10, one PostgreSQL transaction per message with
 * `SELECT … FOR UPDATE`, then the cache, then the acknowledgement. No journal, no retries, no owner: it keeps a balance and a status.
 *
 * Tables are those of the Go API and `bench.balances`; servers come from DATABASE_URL, RABBITMQ_URL and REDIS_URL.
 */
import { connect, type ConsumeMessage } from 'amqplib';
import { Redis } from 'ioredis';
import pg from 'pg';

interface Message {
  readonly id: string;
  readonly account_id: string;
  readonly amount_cents: number;
  readonly type: string;
  readonly refund_transaction_id: { readonly String: string; readonly Valid: boolean };
}

const PREFETCH = 10;

const pool = new pg.Pool({ connectionString: process.env['DATABASE_URL'], max: PREFETCH });
const redis = new Redis(process.env['REDIS_URL'] ?? '');
const broker = await connect(process.env['RABBITMQ_URL'] ?? '', { noDelay: true });
const channel = await broker.createChannel();
await channel.prefetch(PREFETCH);

/** Signed cents; null: the message is to be rejected. */
async function effectOf(client: pg.PoolClient, message: Message): Promise<number | null> {
  if (message.type === 'DEPOSIT') return message.amount_cents;
  if (message.type !== 'REFUND') return -message.amount_cents;
  const { rows } = await client.query<{ type: string; status: string }>({
    name: 'original',
    text: 'select type, status from public.transactions where id = $1 for update',
    values: [message.refund_transaction_id.String],
  });
  const [original] = rows;
  if (original?.status !== 'APPROVED') return null;
  return original.type === 'DEPOSIT' ? -message.amount_cents : message.amount_cents;
}

/** The new balance; null: it was decided before. */
async function decide(client: pg.PoolClient, message: Message): Promise<bigint | null> {
  const account = await client.query<{ balance: string }>({
    name: 'balance',
    text: 'select balance_cents as balance from bench.balances where account_id = $1 for update',
    values: [message.account_id],
  });
  const row = await client.query<{ status: string }>({
    name: 'status',
    text: 'select status from public.transactions where id = $1 for update',
    values: [message.id],
  });
  if (row.rows[0]?.status !== 'PENDING') return null;
  const balance = BigInt(account.rows[0]?.balance ?? 0);
  const effect = await effectOf(client, message);
  const after = effect === null ? balance : balance + BigInt(effect);
  const isApproved = effect !== null && after >= 0n;
  if (isApproved) {
    await client.query({
      name: 'move',
      text: 'update bench.balances set balance_cents = $2 where account_id = $1',
      values: [message.account_id, after.toString()],
    });
  }
  await client.query({
    name: 'decide',
    text: 'update public.transactions set status = $2 where id = $1',
    values: [message.id, isApproved ? 'APPROVED' : 'REJECTED'],
  });
  return isApproved ? after : balance;
}

async function work(delivery: ConsumeMessage): Promise<void> {
  const message = JSON.parse(delivery.content.toString()) as Message;
  const client = await pool.connect();
  try {
    await client.query('begin');
    const balance = await decide(client, message);
    await client.query('commit');
    if (balance !== null) await redis.set(`balance:${message.account_id}`, balance.toString(), 'EX', 86_400);
    channel.ack(delivery);
  } finally {
    client.release();
  }
}

/** Any failure ends it: a bench has no use for a worker that limps. */
function fail(error: unknown): never {
  process.stderr.write(`${String(error)}\n`);
  process.exit(1);
}

process.send?.({ type: 'ready' });
process.on('SIGTERM', () => process.exit(0));
process.on('disconnect', () => process.exit(0));
await channel.consume('transactions_queue', (delivery) => {
  if (delivery !== null) work(delivery).catch(fail);
});
