import { decodeOrderAnswer, encodeOrder } from '../src/contracts/order-mail.ts';
import type { OperatorAction } from '../src/contracts/command.ts';
import type { OperatorResult } from '../src/domain/settlement.ts';
import { shardOf } from '../src/domain/shard.ts';
import { LIMITS } from '../src/limits.ts';
import type { InboxEnd, SimBroker } from './servers/sim-broker.ts';
import type { SimTables } from './servers/sim-tables.ts';
import type { VirtualTime } from './virtual-time.ts';

const REPLY_TO = 'operator';
const AGAIN_MS = 1_000;
const WAY_MS = 2;

/** Gives orders as `paygate account` does: to whoever the directory names, with the same id until somebody answers. */
export class SimOperator implements InboxEnd {
  readonly results = new Map<string, OperatorResult>();
  readonly #time: VirtualTime;
  readonly #tables: SimTables;
  readonly #broker: SimBroker;
  readonly #open = new Set<string>();
  readonly #onAnswered: (orderId: string, result: OperatorResult) => void;

  constructor(
    time: VirtualTime,
    tables: SimTables,
    broker: SimBroker,
    onAnswered: (orderId: string, result: OperatorResult) => void,
  ) {
    this.#time = time;
    this.#tables = tables;
    this.#broker = broker;
    this.#onAnswered = onAnswered;
    broker.inboxes.set(REPLY_TO, this);
  }

  get openCount(): number {
    return this.#open.size;
  }

  give(orderId: string, accountId: string, action: OperatorAction): void {
    const command = {
      kind: 'operator',
      orderId,
      accountId,
      action,
      operator: 'sim',
      why: 'the plan',
    } as const;
    const order = { kind: 'account', command } as const;
    this.#open.add(orderId);
    this.#ask(orderId, accountId, encodeOrder({ orderId, replyTo: REPLY_TO, order }));
  }

  arrive(_from: string, body: Buffer): void {
    const decoded = decodeOrderAnswer(body);
    if (decoded.kind !== 'order-answer') return;
    const { orderId, answer } = decoded.mail;
    if (answer.kind !== 'result' || !this.#open.delete(orderId)) return;
    this.results.set(orderId, answer.result);
    this.#onAnswered(orderId, answer.result);
  }

  alarmed(): void {
    // Asks again anyway.
  }

  #ask(orderId: string, accountId: string, body: Buffer): void {
    if (!this.#open.has(orderId)) return;
    const owner = this.#tables.shards.rows[shardOf(accountId, LIMITS.shardCount)]?.owner ?? null;
    if (owner !== null && this.#broker.isUp && !this.#broker.isAlarmed)
      this.#time.after(WAY_MS, () => this.#broker.inboxes.get(owner.inbox)?.arrive(REPLY_TO, body));
    this.#time.after(AGAIN_MS, () => this.#ask(orderId, accountId, body));
  }
}
