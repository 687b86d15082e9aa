import type { CommandEnvelope, Origin } from '../../../src/supervisor/command-envelope.ts';
import { CommandEnvelope as EnvelopeClass } from '../../../src/supervisor/command-envelope.ts';
import type { EnvelopeDesk, EnvelopeFields } from '../../../src/supervisor/command-envelope.ts';
import type { TransactionCommand } from '../../../src/contracts/command.ts';
import type { InboundQueue } from '../../../src/contracts/queues.ts';
import type { Delivery } from '../../../src/ports/broker.ts';
import type { FakeClock } from '../../support/fakes/fake-clock.ts';

/** Lets everything that was put off to the end of the turn run, with all that follows from it. */
export async function turns(clock: FakeClock, count = 12): Promise<void> {
  for (let turn = 0; turn < count; turn += 1) {
    clock.runSoon();
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** A delivery that writes its acknowledgement into `log`. */
export class FakeDelivery implements Delivery {
  readonly queue: InboundQueue;
  readonly body: Buffer;
  readonly redelivered = false;
  readonly headers = {};
  acks = 0;
  readonly #log: string[];

  constructor(body: string | Buffer, log: string[] = [], queue: InboundQueue = 'transactions_queue') {
    this.body = Buffer.from(body);
    this.queue = queue;
    this.#log = log;
  }

  ack(): void {
    this.acks += 1;
    this.#log.push('ack');
  }
}

/** What another producer would send for a command. */
export function bodyOf(command: TransactionCommand): string {
  return JSON.stringify({
    transaction_id: command.transactionId,
    account_id: command.accountId,
    card_id: command.cardId,
    amount_cents: Number(command.amountCents),
    transaction_type: command.type,
    idempotency_key: command.idempotencyKey,
    timestamp: command.occurredAt,
    ...(command.originalId === null ? {} : { refund_transaction_id: command.originalId }),
  });
}

/** An envelope as ingest makes it. */
export function envelopeOf(
  command: EnvelopeFields['command'],
  desk: EnvelopeDesk,
  origin: Origin,
  fields: Partial<EnvelopeFields> = {},
): CommandEnvelope {
  return new EnvelopeClass(
    {
      command,
      origin,
      road: 'delivery',
      shard: 0,
      n: 1,
      attempt: 0,
      deferredFor: null,
      mayDecideError: false,
      receivedAtMs: 1_800_000_000_000,
      firstSeenAtMs: 1_800_000_000_000,
      ...fields,
    },
    desk,
  );
}
