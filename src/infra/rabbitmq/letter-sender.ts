import type { ChannelModel } from 'amqplib';
import { INBOUND_QUEUES } from '../../contracts/queues.ts';
import type { InboundQueue } from '../../contracts/queues.ts';
import { ensureError } from '../../domain/errors.ts';
import { ConfirmSession } from './confirm-session.ts';
import { connect, disconnect } from './connect.ts';

/**
 * Sends a dead letter back to an inbound queue: persistent, mandatory, confirmed. Rejects where the broker is not known to have
 * it. `letterId` goes into `x-replay-of`.
 */
export type SendLetter = (message: {
  readonly letterId: bigint;
  readonly queue: InboundQueue;
  readonly body: Buffer;
}) => Promise<void>;

/** Lends a sender with a connection of its own. Rejects when RabbitMQ is away or refuses us. */
export async function withLetterSender<T>(url: string, use: (send: SendLetter) => Promise<T>): Promise<T> {
  const model = await connect(url, 'paygate/dead-letters');
  const fate: { lost: Error | null; blocked: string | null } = { lost: null, blocked: null };
  // Shows in what is sent from then on.
  model.on('error', (error: unknown) => (fate.lost = ensureError(error)));
  model.on('blocked', (reason: unknown) => (fate.blocked = String(reason)));
  model.on('unblocked', () => (fate.blocked = null));
  try {
    const session = await openSession(model, (reason) => (fate.lost ??= reason));
    const result = await use(async ({ letterId, queue, body }) => {
      if (fate.blocked !== null)
        throw new Error(`RabbitMQ takes no messages at the moment (${fate.blocked})`);
      if (fate.lost !== null) throw fate.lost;
      await session.publish({ queue, body, headers: { 'x-replay-of': String(letterId) } });
    });
    await session.close();
    return result;
  } finally {
    await disconnect(model);
  }
}

async function openSession(model: ChannelModel, lost: (reason: Error) => void): Promise<ConfirmSession> {
  const session = new ConfirmSession(await model.createConfirmChannel(), lost, INBOUND_QUEUES);
  await session.declareQueues();
  return session;
}
