import amqp from 'amqplib';
import type { ChannelModel, ConfirmChannel } from 'amqplib';
import pg from 'pg';
import { setTimeout as sleep } from 'node:timers/promises';
import type { InboundQueue } from '../../../src/contracts/queues.ts';
import type { DriveTarget } from '../../../src/drive/drive.ts';
import type { DriveAccount } from '../../../src/drive/drive-account.ts';
import { encodeOperation } from '../../../src/drive/encode-operation.ts';
import { GoApi } from '../../../src/drive/go-api.ts';
import type { Intent, Operation } from '../../../src/drive/operation.ts';

/** A transaction that was published, with what it is meant to be. */
export interface Sent {
  readonly transactionId: string;
  readonly accountId: string;
  readonly queue: InboundQueue;
  readonly intent: Intent;
}

export interface ProducerOptions {
  readonly pool: pg.Pool;
  readonly rabbitmqUrl: string;
  /** `transient` as the Go API does; `persistent` where the broker is to keep messages over a restart. */
  readonly delivery: 'transient' | 'persistent';
}

interface Publication {
  readonly operation: Operation;
  confirmed: boolean;
}

const UNCONFIRMED_MAX = 5_000;
const PAUSE_MS = 50;
/** Longer than any outage of the tests. */
const PATIENCE_MS = 90_000;

/**
 * A Go API that does not lose anything, so that after a fault every transaction can be asked for.
 *
 * Owns its connection to the broker and the list of what was sent. 1. A row is committed before its message is published.
 * 2. What the broker has not confirmed is published again on the next connection, in the order of the first time: the first
 * arrivals of an account's messages in their queue are in the order of `sent`.
 */
export class Producer implements DriveTarget {
  /** In the order of publication; repeats are not in it. */
  readonly sent: Sent[] = [];
  /** Bodies of what cannot be decided. */
  readonly poison = new Set<string>();
  /** Accounts whose messages come in another order than they were thought up in: how they end cannot be foreseen. */
  readonly unforeseen = new Set<string>();
  readonly #options: ProducerOptions;
  readonly #opened = new Set<string>();
  #waiting: Publication[] = [];
  #connection: ChannelModel | null = null;
  #channel: ConfirmChannel | null = null;
  #isClosed = false;
  /** Set while connecting. */
  #connecting: Promise<void> | null = null;

  constructor(options: ProducerOptions) {
    this.#options = options;
  }

  /** Once for all streams: each connection declares them. */
  async declareQueues(): Promise<void> {
    if (this.#channel === null) await this.#connected();
  }

  /** Those of an earlier stream are there already. */
  async openAccounts(accounts: readonly DriveAccount[]): Promise<void> {
    const fresh = accounts.filter(({ id }) => !this.#opened.has(id));
    if (fresh.length > 0) await this.#api().openAccounts(fresh);
    for (const { id } of fresh) this.#opened.add(id);
  }

  /** Tries again while the database is away. A row that is there on a second try was inserted by the first. */
  async insertPending(operations: readonly Operation[]): Promise<number> {
    const untilMs = Date.now() + PATIENCE_MS;
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.#api().insertPending(operations);
      } catch (error) {
        const isThere = attempt > 1 && error instanceof pg.DatabaseError && error.code === '23505';
        if (isThere) return operations.length;
        if (Date.now() > untilMs) throw error;
        await sleep(PAUSE_MS);
      }
    }
  }

  async publish(operations: readonly Operation[]): Promise<void> {
    for (const operation of operations) {
      if (operation.kind === 'transaction') {
        const { queue, intent, command } = operation;
        const { transactionId, accountId } = command;
        this.sent.push({ transactionId, accountId, queue, intent });
      }
      if (operation.kind === 'poison') this.poison.add(operation.text);
      const publication = { operation, confirmed: false };
      this.#waiting.push(publication);
      this.#send(publication);
    }
    await this.#untilUnconfirmed(UNCONFIRMED_MAX);
  }

  /** Resolves when the broker has everything; what stands in the queues is not its business. */
  async backlog(): Promise<number> {
    await this.#untilUnconfirmed(0);
    return 0;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#connection?.close().catch(() => undefined);
  }

  #api(channel: ConfirmChannel | null = this.#channel): GoApi {
    return new GoApi(this.#options.pool, channel as ConfirmChannel);
  }

  async #untilUnconfirmed(most: number): Promise<void> {
    const untilMs = Date.now() + PATIENCE_MS;
    for (;;) {
      this.#forgetConfirmed();
      if (this.#waiting.length <= most) return;
      if (Date.now() > untilMs)
        throw new Error(`the broker has not confirmed ${this.#waiting.length} messages`);
      if (this.#channel === null) await this.#connected();
      else await sleep(PAUSE_MS);
    }
  }

  #forgetConfirmed(): void {
    this.#waiting = this.#waiting.filter((publication) => !publication.confirmed);
  }

  #send(publication: Publication): void {
    const { operation } = publication;
    const persistent = this.#options.delivery === 'persistent';
    const options = { contentType: 'application/json', persistent };
    try {
      this.#channel?.sendToQueue(operation.queue, encodeOperation(operation), options, (error: unknown) => {
        if (error === null || error === undefined) publication.confirmed = true;
      });
    } catch {
      // The channel is closing: `close` follows, and the next connection sends this again.
      return;
    }
  }

  async #connected(): Promise<void> {
    this.#connecting ??= this.#connect().finally(() => (this.#connecting = null));
    await this.#connecting;
  }

  async #connect(): Promise<void> {
    const untilMs = Date.now() + PATIENCE_MS;
    while (!this.#isClosed) {
      try {
        await this.#open();
        return;
      } catch (error) {
        if (Date.now() > untilMs) throw error;
        await sleep(PAUSE_MS);
      }
    }
  }

  async #open(): Promise<void> {
    const connection = await amqp.connect(this.#options.rabbitmqUrl, { timeout: 5_000 });
    connection.on('error', () => undefined);
    const channel = await connection.createConfirmChannel();
    channel.on('error', () => undefined);
    const forget = (): void => {
      if (this.#channel !== channel) return;
      this.#channel = null;
      // A failure comes up again where somebody waits for confirms.
      void this.#connected().catch(() => undefined);
    };
    connection.on('close', forget);
    channel.on('close', forget);
    await this.#api(channel).declareQueues();
    this.#forgetConfirmed();
    this.#connection = connection;
    this.#channel = channel;
    for (const publication of this.#waiting) this.#send(publication);
  }
}
