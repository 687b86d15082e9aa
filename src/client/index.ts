/**
 * The client: `paygate-processor/client`. For programs that publish payments to the processor, or listen to what became of them.
 */
export { connectProducer } from './producer.ts';
export type { Producer, ProducerOptions, Published } from './producer.ts';
export { MessageError } from './messages.ts';
export type { BalanceToRequest, RefundToPublish, TransactionToPublish } from './messages.ts';
export { PublishError } from '../infra/rabbitmq/publish-error.ts';
export type { PublishFailure } from '../infra/rabbitmq/publish-error.ts';
export { consumeEvents } from './event-consumer.ts';
export type { EventConsumer, EventConsumerOptions } from './event-consumer.ts';
export { EVENT_TYPES, EVENTS_EXCHANGE, eventSchema } from '../contracts/events.ts';
export type { EventOf, EventType, PaygateEvent } from '../contracts/events.ts';
