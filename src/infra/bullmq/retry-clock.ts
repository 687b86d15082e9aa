import { Queue, Worker } from 'bullmq';
import type { Redis } from 'ioredis';
import { ensureError } from '../../domain/errors.ts';
import { LIMITS } from '../../limits.ts';
import type { LinkState } from '../../ports/connection.ts';
import type { Logger } from '../../ports/runtime.ts';
import type { RetryClock } from '../../ports/stores.ts';
import {
  connectInBackground,
  createPatientRedisClient,
  createRedisClient,
  disconnectClient,
  linkStateOf,
  type RedisClientOptions,
} from '../redis/redis-client.ts';
import { within } from '../within.ts';

/**
 * BullMQ as an alarm clock: a delayed job per retry. The truth about retries is in the ledger; a job that is lost (FLUSHALL,
 * Redis away) costs time, nothing else.
 *
 * K1. `arm` never throws and never waits longer than a command may take.
 * K2. A job's id is `<transaction id>-a<attempt>`: arming twice is one alarm. It is removed when it has rung; an id that is kept would be refused for ever.
 * K3. A job does nothing but call `onDue` and wait for it; it is never tried again by BullMQ.
 */

const RETRIES_QUEUE = 'paygate-retries';

export interface RetryClockOptions extends RedisClientOptions {
  /** Before every key of the queue: nodes of one cluster share it. */
  readonly prefix: string;
  /** Of BullMQ; what is armed here rings here. Default: that of the retries. */
  readonly queue?: string;
}

interface Alarm {
  readonly transactionId: string;
  readonly attempt: number;
}

export class BullRetryClock implements RetryClock {
  readonly #options: RetryClockOptions;
  readonly #producer: Redis;
  readonly #queue: Queue<Alarm>;
  #worker: DueWorker | null = null;
  #unarmed = 0;

  constructor(options: RetryClockOptions) {
    this.#options = { ...options, name: `${options.name}/retry-clock` };
    this.#producer = createRedisClient(this.#options);
    // Before the queue sees it: BullMQ takes a failed first connection of a client that it connects itself for final.
    connectInBackground(this.#producer);
    this.#queue = new Queue<Alarm>(options.queue ?? RETRIES_QUEUE, {
      connection: this.#producer,
      prefix: options.prefix,
      // Asking for the version and writing the queue's options happen once, and a failure of the first would be final too.
      skipVersionCheck: true,
      skipMetasUpdate: true,
    });
    this.#queue.on('error', (error) => noteError(options.logger, error));
  }

  /** Of the connection that sets alarms. */
  state(): LinkState {
    return linkStateOf(this.#producer);
  }

  /** Alarms that could not be set so far; the ledger is asked for those. */
  get unarmed(): number {
    return this.#unarmed;
  }

  /** Does not wait for Redis. `onDue` may reject: the alarm is gone then, and the ledger is asked. */
  start(onDue: (transactionId: string, attempt: number) => Promise<void>): Promise<void> {
    this.#worker ??= startWorker(this.#options, onDue);
    return Promise.resolve();
  }

  async arm(transactionId: string, attempt: number, delayMs: number): Promise<void> {
    if (this.#producer.status !== 'ready') {
      this.#unarmed += 1;
      return;
    }
    const jobId = `${transactionId}-a${attempt}`;
    try {
      await this.#queue.add(
        'due',
        { transactionId, attempt },
        { jobId, delay: Math.max(0, delayMs), attempts: 1, removeOnComplete: true, removeOnFail: true },
      );
    } catch (error) {
      this.#unarmed += 1;
      noteError(this.#options.logger, ensureError(error));
    }
  }

  /** Waits for what is ringing, up to `LIMITS.closeTimeoutMs`. Idempotent, never rejects. */
  async stop(): Promise<void> {
    const worker = this.#worker;
    this.#worker = null;
    if (worker !== null) await stopWorker(worker);
    await within(LIMITS.closeTimeoutMs, () => this.#queue.close());
    await disconnectClient(this.#producer);
  }
}

interface DueWorker {
  readonly bull: Worker<Alarm>;
  readonly client: Redis;
}

function startWorker(
  options: RetryClockOptions,
  onDue: (transactionId: string, attempt: number) => Promise<void>,
): DueWorker {
  // BullMQ waits in blocking commands, on a duplicate of this client.
  const client = createPatientRedisClient({ ...options, name: `${options.name}-worker` });
  const bull = new Worker<Alarm>(
    options.queue ?? RETRIES_QUEUE,
    async (job) => {
      await onDue(job.data.transactionId, job.data.attempt);
    },
    {
      connection: client,
      prefix: options.prefix,
      concurrency: LIMITS.retryClockDueMax,
      runRetryDelay: LIMITS.reconnectBaseMs,
    },
  );
  bull.on('error', (error) => noteError(options.logger, error));
  bull.on('failed', (job, error) =>
    options.logger.warn(
      { transaction_id: job?.data.transactionId, attempt: job?.data.attempt, reason: error.message },
      'a due retry was not taken; the ledger will be asked for it',
    ),
  );
  return { bull, client };
}

async function stopWorker({ bull, client }: DueWorker): Promise<void> {
  // Closing in good order asks Redis, and would wait for it as long as it is away; its duplicate client would go on trying.
  const isAway = client.status !== 'ready';
  const inTime = await within(LIMITS.closeTimeoutMs, () => bull.close(isAway));
  // Redis does not answer, or an alarm is still ringing: drop the connections under it.
  if (!inTime) await within(LIMITS.reconnectBaseMs, () => bull.disconnect());
  client.disconnect();
}

/** The clients log their outages themselves; this is what BullMQ adds to that. */
function noteError(logger: Logger, error: Error): void {
  logger.debug({ reason: error.message }, 'retry clock');
}
