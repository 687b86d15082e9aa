import type { ChannelModel } from 'amqplib';
import { ensureError } from '../../domain/errors.ts';
import { replyCodeOf } from '../server-errors.ts';
import { connect, disconnect } from './connect.ts';
import { readQueues } from './queue-status.ts';
import type { QueueStatus } from './queue-status.ts';

const PRECONDITION_FAILED = 406;

export interface QueueForms<Q extends string> {
  /** null: there is no such queue. */
  readonly status: ReadonlyMap<Q, QueueStatus | null>;
  /** Queues that were declared otherwise than the contract wants it, with the broker's words. */
  readonly misfits: ReadonlyMap<Q, string>;
}

/**
 * How these queues are, and whether each that is there was declared as the contract wants it (durable, no arguments). A declaration
 * of what exists changes nothing, and what is missing is not declared. Rejects when the broker is away.
 */
export async function readQueueForms<Q extends string>(
  url: string,
  queues: readonly Q[],
): Promise<QueueForms<Q>> {
  const model = await connect(url, 'paygate/queue-forms');
  // Shows in the calls below.
  model.on('error', () => undefined);
  try {
    const status = await readQueues(model, queues);
    const misfits = new Map<Q, string>();
    for (const queue of queues) {
      if (status.get(queue) == null) continue;
      const refusal = await declareAgain(model, queue);
      if (refusal !== null) misfits.set(queue, refusal);
    }
    return { status, misfits };
  } finally {
    await disconnect(model);
  }
}

/** A channel of its own: a refusal closes it. */
async function declareAgain(model: ChannelModel, queue: string): Promise<string | null> {
  const channel = await model.createChannel();
  channel.on('error', () => undefined);
  try {
    await channel.assertQueue(queue, { durable: true, autoDelete: false, exclusive: false });
    await channel.close();
    return null;
  } catch (error) {
    const reason = ensureError(error);
    if (replyCodeOf(reason) !== PRECONDITION_FAILED) throw reason;
    return reason.message;
  }
}
