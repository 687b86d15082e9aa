import type { Config } from '../config.ts';
import type { Order } from '../contracts/order-mail.ts';
import { OrderClient } from '../infra/rabbitmq/order-client.ts';
import type { OrderOutcome } from '../infra/rabbitmq/order-conversation.ts';
import { CommandError, EXIT } from './exit-codes.ts';

export interface PlaceOrder {
  readonly orderId: string;
  readonly order: Order;
  /** null: nobody is there to be asked at the moment. */
  readonly inboxOf: () => Promise<string | null>;
  readonly waitSeconds?: number;
  /** What it means that no node could be asked. */
  readonly unasked: string;
  /** How to ask again for the same order. */
  readonly again: string;
}

type Ended = Extract<OrderOutcome, { kind: 'result' | 'accepted' }>;

/** Gives the order and waits. Throws `CommandError` where it did not end, saying whether it may have been carried out. */
export async function placeOrder(config: Config, request: PlaceOrder): Promise<Ended> {
  const { orderId, order, inboxOf, waitSeconds } = request;
  const client = await OrderClient.open({ url: config.rabbitmqUrl });
  try {
    const deadlineMs = waitSeconds === undefined ? {} : { deadlineMs: waitSeconds * 1_000 };
    const outcome = await client.place({ orderId, order, inboxOf, ...deadlineMs });
    return ended(outcome, request, client.trouble);
  } finally {
    await client.close();
  }
}

function ended(outcome: OrderOutcome, { unasked, again }: PlaceOrder, trouble: string | null): Ended {
  const because = trouble === null ? '' : ` (${trouble})`;
  switch (outcome.kind) {
    case 'result':
    case 'accepted':
      return outcome;
    case 'unasked':
      throw new CommandError(`${unasked}${because}; nothing was done`, EXIT.unavailable);
    case 'unanswered':
      throw new CommandError(
        `no answer in time${because}: the order may or may not have been carried out. ${again}`,
        EXIT.unavailable,
      );
    case 'unreadable':
      throw new CommandError(
        `${outcome.from === null ? 'the node' : `node ${outcome.from}`} runs another version than this command: ${outcome.detail}`,
        EXIT.unavailable,
      );
  }
}
