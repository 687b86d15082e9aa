// Publishes a deposit, a purchase and a refund of half of it for one account, and waits for the events that tell what became of them.
//
//   RABBITMQ_URL=amqp://… node examples/payments.ts <account id>
//
// From Node 22.18 on, which runs TypeScript by itself (`node --experimental-strip-types` from 22.6 on); the package runs on older ones, too.
// The account has to be there (`npx paygate drive --count 100` makes some), and a node has to run (`npx paygate node`).
import { randomUUID } from 'node:crypto';
import { connectProducer, consumeEvents } from 'paygate-processor/client';

const url = process.env['RABBITMQ_URL'] ?? 'amqp://guest:guest@127.0.0.1:5672';
const accountId = process.argv[2] ?? '';

// Without a name the queue is gone with the consumer; one with a name (`queue`) keeps events while nobody reads it. At least once: remember
// the ids, or the seqs, that you have seen.
const seen = new Set<string>();
let onDecided = (): void => undefined;
const decided = new Promise<void>((resolve) => (onDecided = resolve));
const consumer = await consumeEvents({
  url,
  types: ['transaction.approved', 'transaction.rejected'],
  onEvent: (event) => {
    if (event.account_id !== accountId || seen.has(event.id)) return;
    seen.add(event.id);
    if (event.type === 'transaction.approved')
      console.log(
        `${event.transaction_type} approved: ${event.effect_cents} cents, balance ${event.balance_cents}`,
      );
    if (event.type === 'transaction.rejected')
      console.log(`${event.transaction_type} rejected: ${event.reason}`);
    if (seen.size === 3) onDecided();
  },
});

// What rejects may be published again, unchanged: the same id or idempotency key is carried out once.
const producer = await connectProducer({ url });
await producer.publish({
  accountId,
  type: 'DEPOSIT',
  amountCents: 10_000,
  idempotencyKey: `example:${randomUUID()}`,
});
const purchase = await producer.publish({
  accountId,
  type: 'PURCHASE',
  amountCents: 2_500,
  idempotencyKey: `example:${randomUUID()}`,
});
await producer.refund({
  accountId,
  originalId: purchase.transactionId,
  amountCents: 1_250,
  idempotencyKey: `example:${randomUUID()}`,
});
await producer.requestBalance({ accountId });
await producer.close();

// `closed` rejects when the connection is lost or `onEvent` throws.
await Promise.race([decided, consumer.closed]);
await consumer.close();
