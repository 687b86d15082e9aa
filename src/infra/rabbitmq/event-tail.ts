import type { ChannelModel } from 'amqplib';
import { EVENTS_EXCHANGE, eventsIn } from '../../contracts/events.ts';
import { ensureError } from '../../domain/errors.ts';
import { connect, disconnect } from './connect.ts';

export interface EventTailOptions {
  /** amqp:// or amqps://, with credentials; never logged. */
  readonly url: string;
  /** Routing keys; empty: all events. */
  readonly types: readonly string[];
  /** What was published, whoever did: JSON, if it is ours. Must not throw. */
  readonly onEvent: (text: string) => void;
  /** Listening; from here on nothing is missed. */
  readonly onReady: () => void;
  /** Ends it. */
  readonly signal: AbortSignal;
}

/**
 * Listens to events through a queue of its own, which the broker drops when we are gone: nothing waits for us meanwhile.
 * Resolves when it is aborted; rejects when the broker cannot be reached or the connection is lost.
 */
export async function tailEvents(options: EventTailOptions): Promise<void> {
  const model = await connect(options.url, 'paygate/events tail');
  try {
    const lost = lossOf(model);
    // Asked for below; a loss before that shows in the call that it breaks.
    lost.catch(() => undefined);
    const listening = listen(model, options).then(() => options.onReady());
    await Promise.race([lost, listening]);
    await Promise.race([lost, aborted(options.signal)]);
  } finally {
    await disconnect(model);
  }
}

function lossOf(model: ChannelModel): Promise<never> {
  return new Promise((_, reject) => {
    model.on('error', (error: unknown) => reject(ensureError(error)));
    model.on('close', () => reject(new Error('the connection to RabbitMQ was closed')));
  });
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

async function listen(model: ChannelModel, { types, onEvent }: EventTailOptions): Promise<void> {
  const channel = await model.createChannel();
  channel.on('error', () => undefined);
  await channel.assertExchange(EVENTS_EXCHANGE, 'topic', { durable: true });
  const { queue } = await channel.assertQueue('', { exclusive: true, autoDelete: true, durable: false });
  for (const key of types.length === 0 ? ['#'] : types) await channel.bindQueue(queue, EVENTS_EXCHANGE, key);
  const show = (body: Buffer): void => eventsIn(body).forEach((text) => onEvent(text));
  await channel.consume(queue, (message) => message !== null && show(message.content), {
    noAck: true,
    exclusive: true,
  });
}
