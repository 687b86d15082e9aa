import type { ChannelModel } from 'amqplib';
import type { InboundQueue } from '../contracts/queues.ts';
import { ensureError } from '../domain/errors.ts';
import { ConfirmSession } from '../infra/rabbitmq/confirm-session.ts';
import { connect, disconnect } from '../infra/rabbitmq/connect.ts';
import { balanceMessage, transactionMessage } from './messages.ts';
import type { BalanceToRequest, RefundToPublish, TransactionToPublish } from './messages.ts';

/** One queue for payments and refunds: only within a queue the order of an account is kept. */
const PAYMENTS: InboundQueue = 'transactions_queue';
const BALANCES: InboundQueue = 'balance_calculation_queue';

export interface ProducerOptions {
  /** amqp:// or amqps://, with credentials. */
  readonly url: string;
  /** Name of the connection in the broker's list. */
  readonly name?: string;
}

export interface Published {
  readonly transactionId: string;
}

/**
 * Publishes payments, refunds and balance requests for the processor.
 *
 * Owns one connection and does not renew it: once it is lost, all that is published rejects. Connect again then, and publish again,
 * unchanged, whatever was not confirmed: by its id or its idempotency key it is carried out once.
 *
 * C1. What resolves is in its queue: the message is persistent, and the broker has confirmed it.
 * C2. What the processor's decoder would refuse rejects with `MessageError` and is not sent.
 * C3. What is published one after the other, each when the one before has been called, is in that order in its queue.
 */
export interface Producer {
  /** Rejects with `MessageError`, or `PublishError` where the broker is not known to have it. */
  publish(transaction: TransactionToPublish): Promise<Published>;
  /** May come before its original is decided: it waits for it. Rejects like `publish`. */
  refund(refund: RefundToPublish): Promise<Published>;
  /** Asks for a balance in Redis. Rejects like `publish`. */
  requestBalance(request: BalanceToRequest): Promise<void>;
  /** Resolves when the connection is gone: null after `close`, else why. */
  readonly closed: Promise<Error | null>;
  /** What is not confirmed yet rejects. Idempotent. */
  close(): Promise<void>;
}

/** Rejects where the broker cannot be reached, refuses us, or has one of the queues with other properties. */
export async function connectProducer({
  url,
  name = 'paygate/producer',
}: ProducerOptions): Promise<Producer> {
  const model = await connect(url, name);
  const fate: { reason: Error | null } = { reason: null };
  const closed = new Promise<Error | null>((resolve) => model.on('close', () => resolve(fate.reason)));
  model.on('error', (error: unknown) => (fate.reason ??= ensureError(error)));
  const end = async (reason: Error): Promise<void> => {
    fate.reason ??= reason;
    await disconnect(model);
  };
  try {
    return producerOn(model, await openSession(model, end), closed);
  } catch (error) {
    await disconnect(model);
    throw error;
  }
}

async function openSession(
  model: ChannelModel,
  end: (reason: Error) => Promise<void>,
): Promise<ConfirmSession> {
  const session = new ConfirmSession(await model.createConfirmChannel(), (reason) => void end(reason), [
    PAYMENTS,
    BALANCES,
  ]);
  await session.declareQueues();
  return session;
}

function producerOn(model: ChannelModel, session: ConfirmSession, closed: Promise<Error | null>): Producer {
  const send = (queue: InboundQueue, body: Buffer): Promise<void> =>
    session.publish({ queue, body, headers: {}, contentType: 'application/json' });
  const publish = async (payment: TransactionToPublish | RefundToPublish): Promise<Published> => {
    const { transactionId, body } = transactionMessage(payment);
    await send(PAYMENTS, body);
    return { transactionId };
  };
  return {
    publish,
    refund: publish,
    requestBalance: async (request) => send(BALANCES, balanceMessage(request)),
    closed,
    close: async () => {
      await session.close();
      await disconnect(model);
    },
  };
}
