import amqp from 'amqplib';
import type pg from 'pg';
import type { TransactionCommand } from '../../src/contracts/command.ts';
import { decodeMessage } from '../../src/contracts/decode.ts';

/**
 * Decides as the contract says that the old processor does (sections 2.1, 5 and 7), and not a bit better: it refunds the whole original, once,
 * and writes its amount over the refund's; it refunds spent deposits; it looks at no card's owner; it rejects CHARGE and counts it as 0; a
 * refund that comes again becomes REJECTED although it was approved.
 */
export class OldProcessor {
  readonly #pool: pg.Pool | pg.PoolClient;

  constructor(pool: pg.Pool | pg.PoolClient) {
    this.#pool = pool;
  }

  async decide(command: TransactionCommand): Promise<void> {
    const { transactionId, type } = command;
    const row = await this.#row(transactionId);
    if (row?.status !== 'PENDING') {
      if (type === 'REFUND') await this.#reject(transactionId);
      return;
    }
    if (type === 'REFUND') await this.#refund(command);
    else if (type === 'DEPOSIT') await this.#approve(transactionId);
    else if (type === 'PURCHASE' && (await this.balance(command.accountId)) >= command.amountCents)
      await this.#approve(transactionId);
    else await this.#reject(transactionId);
  }

  /** Cents. */
  async balance(accountId: string): Promise<bigint> {
    const { rows } = await this.#pool.query<{ cents: string }>(BALANCE, [accountId]);
    return BigInt(rows[0]?.cents ?? 0);
  }

  async #refund({ transactionId, accountId, originalId }: TransactionCommand): Promise<void> {
    const original = originalId === null ? null : await this.#row(originalId);
    const { rowCount } = await this.#pool.query(
      `select from transactions where refund_transaction_id = $1 and status = 'APPROVED'`,
      [originalId],
    );
    const isRefundable =
      original?.status === 'APPROVED' && original.accountId === accountId && original.type !== 'REFUND';
    if (!isRefundable || rowCount !== 0) return this.#reject(transactionId);
    await this.#pool.query(
      `update transactions set status = 'APPROVED', refund_transaction_id = $2,
         amount_cents = (select amount_cents from transactions where id = $2) where id = $1`,
      [transactionId, originalId],
    );
  }

  async #row(id: string): Promise<OldRow | undefined> {
    const { rows } = await this.#pool.query<OldRow>(
      'select status, type, account_id as "accountId" from transactions where id = $1',
      [id],
    );
    return rows[0];
  }

  async #approve(id: string): Promise<void> {
    await this.#pool.query(`update transactions set status = 'APPROVED' where id = $1`, [id]);
  }

  async #reject(id: string): Promise<void> {
    await this.#pool.query(`update transactions set status = 'REJECTED' where id = $1`, [id]);
  }
}

interface OldRow {
  readonly status: string;
  readonly type: string;
  readonly accountId: string;
}

const BALANCE = `
  select coalesce(sum(case
           when t.type = 'DEPOSIT' then t.amount_cents
           when t.type = 'PURCHASE' then -t.amount_cents
           when t.type = 'REFUND' and o.type = 'DEPOSIT' then -t.amount_cents
           when t.type = 'REFUND' and o.type = 'PURCHASE' then t.amount_cents
           else 0 end), 0)::text as cents
    from transactions t left join transactions o on o.id = t.refund_transaction_id
   where t.account_id = $1 and t.status = 'APPROVED'`;

export interface RunningOldProcessor {
  /** Ends its connection: what it holds goes back into the queue. */
  stop(): Promise<void>;
}

/** Reads `transactions_queue` and acknowledges after its handler, whatever came of it. Ends with `stop`. */
export async function startOldProcessor(rabbitmqUrl: string, pool: pg.Pool): Promise<RunningOldProcessor> {
  const processor = new OldProcessor(pool);
  const connection = await amqp.connect(rabbitmqUrl);
  const channel = await connection.createChannel();
  await channel.assertQueue('transactions_queue', { durable: true });
  await channel.prefetch(1);
  await channel.consume('transactions_queue', (message) => {
    if (message === null) return;
    const decoded = decodeMessage('transactions_queue', message.content);
    const work =
      decoded.ok && decoded.command.kind === 'transaction'
        ? processor.decide(decoded.command)
        : Promise.resolve();
    void work.catch(() => undefined).then(() => channel.ack(message));
  });
  return { stop: () => connection.close() };
}
