import { once } from 'node:events';
import type { Channel } from 'amqplib';
import type { Pool } from 'pg';
import type { TransactionCommand } from '../contracts/command.ts';
import type { InboundQueue } from '../contracts/queues.ts';
import type { DriveTarget } from './drive.ts';
import type { DriveAccount } from './drive-account.ts';
import { encodeOperation } from './encode-operation.ts';
import type { Operation } from './operation.ts';

/**
 * Does to the database and the broker what the Go API does, several operations at a time.
 *
 * Owns neither the pool nor the channel. Publishing does not tell whether a message arrived: like the API's, the
 * messages are not persistent and not confirmed.
 *
 * G1. A row is committed before its message is published.
 * G2. Messages leave in the order of the operations.
 */

/** The queues that drive writes. The API declares before every publish; once is enough to find a wrong one. */
const QUEUES: readonly InboundQueue[] = [
  'transactions_queue',
  'refund_queue',
  'calculate_balance_queue',
  'balance_calculation_queue',
];

/** Accounts in one INSERT. */
const ACCOUNTS_PER_INSERT = 5_000;

const INSERT_ACCOUNTS = {
  name: 'drive-accounts',
  text: `insert into public.accounts (id, username)
         select * from unnest($1::uuid[], $2::text[])`,
};

const INSERT_CARDS = {
  name: 'drive-cards',
  text: `insert into public.cards (id, account_id, card_token, last_four_digits)
         select * from unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[])`,
};

/** A refund's row says nothing of its original: the processor sets that when it decides. */
const INSERT_PENDING = {
  name: 'drive-pending',
  text: `insert into public.transactions (id, account_id, card_id, amount_cents, status, type, created_at, idempotency_key)
         select id, account_id, card_id, amount_cents, 'PENDING', type, created_at, idempotency_key
         from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::bigint[], $5::text[], $6::timestamptz[], $7::text[])
           as pending (id, account_id, card_id, amount_cents, type, created_at, idempotency_key)`,
};

/** Headers of the next message. */
export type HeadersOf = () => Readonly<Record<string, string>>;

export class GoApi implements DriveTarget {
  readonly #pool: Pool;
  readonly #channel: Channel;
  readonly #headersOf: HeadersOf | null;

  constructor(pool: Pool, channel: Channel, headersOf: HeadersOf | null = null) {
    this.#pool = pool;
    this.#channel = channel;
    this.#headersOf = headersOf;
  }

  /** Rejects (and the broker closes the channel) where one of the queues exists with other properties. */
  async declareQueues(): Promise<void> {
    for (const queue of QUEUES) {
      await this.#channel.assertQueue(queue, { durable: true, autoDelete: false, exclusive: false });
    }
  }

  /** Rejects with SQLSTATE 23505 where these accounts are there already. */
  async openAccounts(accounts: readonly DriveAccount[]): Promise<void> {
    for (let start = 0; start < accounts.length; start += ACCOUNTS_PER_INSERT) {
      const some = accounts.slice(start, start + ACCOUNTS_PER_INSERT);
      await this.#insert(INSERT_ACCOUNTS, some, [({ id }) => id, ({ username }) => username]);
      const cards = some.flatMap((account) =>
        account.cards.map((card) => ({ ...card, accountId: account.id })),
      );
      await this.#insert(INSERT_CARDS, cards, [
        ({ id }) => id,
        ({ accountId }) => accountId,
        ({ token }) => token,
        ({ lastFourDigits }) => lastFourDigits,
      ]);
    }
  }

  /** Inserts the `PENDING` rows of the operations that have one: new ones in the live shape. Answers their number. */
  async insertPending(operations: readonly Operation[]): Promise<number> {
    const commands = operations.flatMap((operation) =>
      operation.kind === 'transaction' && operation.command.shape === 'live' ? [operation.command] : [],
    );
    await this.#insert<TransactionCommand>(INSERT_PENDING, commands, [
      ({ transactionId }) => transactionId,
      ({ accountId }) => accountId,
      ({ cardId }) => cardId,
      ({ amountCents }) => amountCents.toString(),
      ({ type }) => type,
      ({ occurredAt }) => occurredAt,
      ({ idempotencyKey }) => idempotencyKey,
    ]);
    return commands.length;
  }

  /** Resolves when the broker's socket has taken all of them or buffers the rest; waits while it pushes back. */
  async publish(operations: readonly Operation[]): Promise<void> {
    for (const operation of operations) {
      const isTaken = this.#channel.sendToQueue(operation.queue, encodeOperation(operation), {
        contentType: 'application/json',
        ...(this.#headersOf === null ? {} : { headers: { ...this.#headersOf() } }),
      });
      if (!isTaken) await this.#drained();
    }
  }

  /**
   * Messages in `transactions_queue` that nobody has been given yet. Answers only after everything published before
   * on this channel is in its queue.
   */
  async backlog(): Promise<number> {
    const { messageCount } = await this.#channel.checkQueue('transactions_queue');
    return messageCount;
  }

  async #insert<T>(
    statement: { readonly name: string; readonly text: string },
    rows: readonly T[],
    columns: readonly ((row: T) => string | null)[],
  ): Promise<void> {
    if (rows.length === 0) return;
    await this.#pool.query({ ...statement, values: columns.map((column) => arrayLiteral(rows.map(column))) });
  }

  /** Rejects when the channel closes instead: then `drain` never comes. */
  async #drained(): Promise<void> {
    const waiting = new AbortController();
    try {
      await Promise.race([
        once(this.#channel, 'drain', { signal: waiting.signal }),
        once(this.#channel, 'close', { signal: waiting.signal }).then(() => {
          throw new Error('the channel closed while the broker was pushing back');
        }),
      ]);
    } finally {
      waiting.abort();
    }
  }
}

/**
 * PostgreSQL's text form of an array: five times cheaper than the driver's conversion. Only for what drive makes
 * itself (ids, digits, times, keys), none of which needs quotes.
 */
function arrayLiteral(values: readonly (string | null)[]): string {
  return `{${values.map((value) => value ?? 'null').join(',')}}`;
}
