import type { ChannelModel } from 'amqplib';
import { ensureError } from '../../domain/errors.ts';
import { LIMITS } from '../../limits.ts';
import { connect, disconnect } from './connect.ts';
import { isMissingQueue } from './refusals.ts';

export interface QueueStatus {
  /** Ready to be delivered; what a reader holds unacknowledged is not counted. */
  readonly messages: number;
  readonly consumers: number;
}

/**
 * Depth and readers of queues, null for one that does not exist; nothing is declared. Opens a connection for it.
 * Rejects when the broker is away or does not answer within `LIMITS.connectTimeoutMs`.
 */
export async function queueStatus<Q extends string>(
  url: string,
  queues: readonly Q[],
): Promise<ReadonlyMap<Q, QueueStatus | null>> {
  const model = await connect(url, 'queue-status');
  // Shows in the calls below.
  model.on('error', () => undefined);
  try {
    return await readQueues(model, queues);
  } finally {
    await disconnect(model);
  }
}

/** The same over a connection that is there. */
export async function readQueues<Q extends string>(
  model: ChannelModel,
  queues: readonly Q[],
): Promise<ReadonlyMap<Q, QueueStatus | null>> {
  const deadline = AbortSignal.timeout(LIMITS.connectTimeoutMs);
  const read = Promise.all(queues.map(async (queue) => [queue, await readQueue(model, queue)] as const));
  return new Map(await Promise.race([read, rejectionAt(deadline)]));
}

/** A channel per queue: asking for one that is missing closes the channel it is asked on. */
async function readQueue(model: ChannelModel, queue: string): Promise<QueueStatus | null> {
  const channel = await model.createChannel();
  // The refusal is what `checkQueue` rejects with.
  channel.on('error', () => undefined);
  try {
    const { messageCount, consumerCount } = await channel.checkQueue(queue);
    await channel.close();
    return { messages: messageCount, consumers: consumerCount };
  } catch (error) {
    const reason = ensureError(error);
    if (isMissingQueue(reason)) return null;
    throw reason;
  }
}

function rejectionAt(deadline: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    deadline.addEventListener('abort', () => reject(new Error('RabbitMQ did not answer in time')));
  });
}
