import { DEAD_LETTER_QUEUES } from '../../src/contracts/queues.ts';
import type { DeadLetterQueue, InboundQueue } from '../../src/contracts/queues.ts';
import type { OutboundMessage, Publisher } from '../../src/ports/broker.ts';
import type { BrokerSide } from './sim-intake.ts';

/** Publishes with confirms. */
export class SimPublisher implements Publisher {
  readonly #side: BrokerSide;

  constructor(side: BrokerSide) {
    this.#side = side;
  }

  publish({ queue, body }: OutboundMessage): Promise<void> {
    const { link, broker } = this.#side;
    return link.ask(() => {
      if (broker.isAlarmed) throw new Error('the broker takes no publications');
      if (isDeadLetterQueue(queue)) broker.letters.push({ queue, body });
      else broker.publish(queue, body, 'persistent');
    });
  }

  queueStatus(
    queues: readonly InboundQueue[],
  ): Promise<ReadonlyMap<InboundQueue, { readonly messages: number } | null>> {
    const { link, broker } = this.#side;
    return link.ask(() => new Map(queues.map((queue) => [queue, { messages: broker.depth(queue) }])));
  }
}

function isDeadLetterQueue(queue: OutboundMessage['queue']): queue is DeadLetterQueue {
  return DEAD_LETTER_QUEUES.some((each) => each === queue);
}
