import { decodeOrder, encodeOrderAnswer } from '../contracts/order-mail.ts';
import type { Order, OrderAnswer, OrderMail } from '../contracts/order-mail.ts';
import type { LogLevel } from '../contracts/log-levels.ts';
import type { OperatorCommand } from '../contracts/command.ts';
import { ensureError } from '../domain/errors.ts';
import type { OperatorResult, Settlement } from '../domain/settlement.ts';
import { shardOf } from '../domain/shard.ts';
import { LIMITS } from '../limits.ts';
import type { Inbox } from '../ports/cluster.ts';
import type { Clock, Logger } from '../ports/runtime.ts';
import { CommandEnvelope } from './command-envelope.ts';
import type { EnvelopeDesk } from './command-envelope.ts';
import type { InFlight } from './in-flight.ts';

export interface OrderDeskOptions {
  /** Name of our node. */
  readonly nodeId: string;
  readonly inbox: Pick<Inbox, 'send'>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly inFlight: InFlight;
  /** Under which we take commands of the shard; null: not ours, or being handed off. */
  readonly epochOf: (shard: number) => bigint | null;
  /** `Router.route`. */
  readonly route: (envelope: CommandEnvelope) => void;
  /** The next place in the order of arrival, of the same count as the node's own intake. */
  readonly nextN: () => number;
  /** Begins the node's drain, as SIGTERM does. Must not throw; may be called again. */
  readonly onDrain: () => void;
  /** Must not throw. */
  readonly onLogLevel: (level: LogLevel) => void;
  /** Default `LIMITS.ordersInHandMax`. */
  readonly inHandMax?: number;
}

/**
 * Takes operators' orders out of the inbox, lets the account's actor decide them, and answers.
 *
 * Owns which orders are in our hands, and where their answers go. Whoever gave an order asks again until he is answered, with the
 * same id, which the ledger knows once it is decided: so anything here may be lost.
 * O1. An order is answered once, after its outcome is durable, or else as not ours; then whoever owns the shard is asked.
 * O2. One that comes again while the first is in our hands is not taken twice.
 * O3. Taken and answered balance; `inFlight` counts what is between.
 */
export class OrderDesk implements EnvelopeDesk {
  readonly #options: OrderDeskOptions;
  readonly #inHandMax: number;
  /** Queues for the answers, by order id. */
  readonly #inHand = new Map<string, string>();

  constructor(options: OrderDeskOptions) {
    this.#options = options;
    this.#inHandMax = options.inHandMax ?? LIMITS.ordersInHandMax;
  }

  /** Taken and not answered. */
  get inHandCount(): number {
    return this.#inHand.size;
  }

  receive(body: Buffer): void {
    const { logger } = this.#options;
    const decoded = decodeOrder(body);
    switch (decoded.kind) {
      case 'order':
        this.#take(decoded.mail);
        return;
      case 'unreadable':
        logger.warn({ order_id: decoded.orderId, detail: decoded.detail }, 'an order is unreadable');
        this.#send(decoded.replyTo, decoded.orderId, { kind: 'unreadable', detail: decoded.detail });
        return;
      case 'malformed':
        logger.warn({ detail: decoded.detail, bytes: body.length }, 'an order is unreadable');
    }
  }

  settled({ command }: CommandEnvelope, settlement: Settlement): void {
    if (command.kind === 'operator')
      this.#answer(command.orderId, { kind: 'result', result: resultOf(settlement) });
  }

  givenBack({ command }: CommandEnvelope): void {
    if (command.kind === 'operator') this.#answer(command.orderId, { kind: 'not-owner' });
  }

  #take({ orderId, replyTo, order }: OrderMail): void {
    if (order.kind !== 'account') {
      this.#tellNode(orderId, order);
      this.#send(replyTo, orderId, { kind: 'accepted' });
      return;
    }
    if (this.#inHand.has(orderId)) this.#inHand.set(orderId, replyTo);
    else if (this.#inHand.size < this.#inHandMax) this.#decide(orderId, replyTo, order);
    // Else as if it had been lost.
  }

  #tellNode(orderId: string, order: Exclude<Order, { kind: 'account' }>): void {
    const { logger, onDrain, onLogLevel } = this.#options;
    switch (order.kind) {
      case 'drain':
        logger.info({ order_id: orderId }, 'an operator lets this node drain');
        onDrain();
        break;
      case 'log-level':
        logger.info({ order_id: orderId, level: order.level }, 'an operator changes the log level');
        onLogLevel(order.level);
    }
  }

  #decide(orderId: string, replyTo: string, { command }: Extract<Order, { kind: 'account' }>): void {
    const { epochOf, inFlight, logger, route } = this.#options;
    const shard = shardOf(command.accountId, LIMITS.shardCount);
    if (epochOf(shard) === null) {
      this.#send(replyTo, orderId, { kind: 'not-owner' });
      return;
    }
    this.#inHand.set(orderId, replyTo);
    inFlight.enter();
    try {
      route(this.#envelopeOf(command, shard));
    } catch (error) {
      logger.error({ err: error, order_id: orderId, shard }, 'an order could not be handled');
      this.#answer(orderId, refused(`something of ours is broken: ${ensureError(error).message}`));
    }
  }

  #envelopeOf(command: OperatorCommand, shard: number): CommandEnvelope {
    const receivedAtMs = this.#options.clock.now();
    return new CommandEnvelope(
      {
        command,
        origin: null,
        road: 'operator',
        shard,
        n: this.#options.nextN(),
        attempt: 0,
        deferredFor: null,
        mayDecideError: false,
        receivedAtMs,
        firstSeenAtMs: receivedAtMs,
      },
      this,
    );
  }

  #answer(orderId: string, answer: OrderAnswer): void {
    const replyTo = this.#inHand.get(orderId);
    if (replyTo === undefined) return;
    this.#inHand.delete(orderId);
    this.#send(replyTo, orderId, answer);
    this.#options.inFlight.leave();
  }

  #send(replyTo: string, orderId: string, answer: OrderAnswer): void {
    const { inbox, nodeId, logger } = this.#options;
    const flow = inbox.send(replyTo, encodeOrderAnswer({ orderId, from: nodeId, answer }));
    if (flow !== 'open') logger.warn({ order_id: orderId, flow }, 'the answer to an order was not sent');
  }
}

function refused(detail: string): OrderAnswer {
  return { kind: 'result', result: { kind: 'refused', detail } };
}

/** An order that did not end as one changed nothing; its operator is told why in a sentence. */
function resultOf(settlement: Settlement): OperatorResult {
  switch (settlement.kind) {
    case 'operated':
      return settlement.result;
    case 'failed':
      return {
        kind: 'refused',
        detail:
          settlement.code === 'ACCOUNT_UNKNOWN'
            ? 'there is no such account'
            : `${settlement.code}: ${settlement.detail}`,
      };
    case 'parked':
      return {
        kind: 'refused',
        detail: `the account is quarantined (${settlement.reason}): release it first`,
      };
    case 'deferred':
      return {
        kind: 'refused',
        detail: `the order cannot be decided now (${settlement.code}): give it again`,
      };
    case 'decided':
    case 'repeat':
    case 'same-key':
    case 'answered':
      return {
        kind: 'refused',
        detail: `the order ended as if it were something else (${settlement.kind}); look at the account`,
      };
  }
}
