import { randomUUID } from 'node:crypto';
import type pg from 'pg';
import type { OperatorCommand } from '../../src/contracts/command.ts';
import { PostgresShardDirectory } from '../../src/infra/postgres/shard-directory.ts';
import { RabbitInbox } from '../../src/infra/rabbitmq/inbox.ts';
import { RedisMembership } from '../../src/infra/redis/membership.ts';
import { SystemClock } from '../../src/infra/system-clock.ts';
import { LIMITS } from '../../src/limits.ts';
import type { ShardOwner } from '../../src/ports/cluster.ts';
import { forwardMail } from '../../src/supervisor/cluster/forward-mail.ts';
import type { CommandEnvelope } from '../../src/supervisor/command-envelope.ts';
import { InFlight } from '../../src/supervisor/in-flight.ts';
import { OrderDesk } from '../../src/supervisor/order-desk.ts';
import { linkOptions } from '../support/broker-scene.ts';
import { takeOver } from '../support/shard-owner.ts';

export const ALL_SHARDS = Array.from({ length: LIMITS.shardCount }, (_, shard) => shard);

/** Longer than any test, on any machine. */
const LEASE_MS = 600_000;

export interface OrderNodeOptions {
  readonly nodeId: string;
  readonly pool: pg.Pool;
  readonly rabbitmqUrl: string;
  /** Where it keeps a record and leases; none without it. */
  readonly redis?: { readonly url: string; readonly clusterId: string };
  /** What its actors do with an order. */
  readonly decide: (envelope: CommandEnvelope, command: OperatorCommand) => void;
  readonly onDrain?: (node: OrderNode) => void;
}

/** The parts of a node that orders go through, put together by hand: inbox, desk, directory, membership. */
export class OrderNode {
  readonly identity: ShardOwner;
  readonly orders: OperatorCommand[] = [];
  readonly directory: PostgresShardDirectory;
  readonly membership: RedisMembership | null;
  readonly inFlight = new InFlight();
  readonly #inbox: RabbitInbox;
  readonly #clock = new SystemClock();
  readonly #epochs = new Map<number, bigint>();

  static async start(options: OrderNodeOptions): Promise<OrderNode> {
    const node = new OrderNode(options);
    await node.#inbox.ready();
    return node;
  }

  private constructor({ nodeId, pool, rabbitmqUrl, redis, decide, onDrain }: OrderNodeOptions) {
    const incarnation = randomUUID();
    const inbox = `inbox.${nodeId}.${incarnation}`;
    const link = linkOptions(rabbitmqUrl, `paygate/${nodeId}`);
    this.identity = { nodeId, incarnation, inbox };
    this.directory = new PostgresShardDirectory(pool, this.identity);
    const self = { ...this.identity, startedAtMs: Date.now() };
    this.membership =
      redis === undefined ? null : new RedisMembership({ ...link, ...redis, self, leaseMs: LEASE_MS });
    const desk: OrderDesk = new OrderDesk({
      nodeId,
      inbox: { send: (...args) => this.#inbox.send(...args) },
      clock: this.#clock,
      logger: link.logger,
      inFlight: this.inFlight,
      epochOf: (shard) => this.#epochs.get(shard) ?? null,
      route: (envelope) => {
        if (envelope.command.kind !== 'operator') throw new Error('not an order');
        this.orders.push(envelope.command);
        decide(envelope, envelope.command);
      },
      nextN: () => this.orders.length,
      onLogLevel: () => undefined,
      onDrain: () => onDrain?.(this),
    });
    this.#inbox = new RabbitInbox(
      { ...link, inbox, clock: this.#clock },
      {
        onMessage: forwardMail({
          onForwards: () => undefined,
          onAnswers: () => undefined,
          onNudge: () => undefined,
          onOrder: (body) => desk.receive(body),
          logger: link.logger,
        }),
        onReturned: () => undefined,
        onFlow: () => undefined,
      },
    );
  }

  async takeOver(shards: readonly number[]): Promise<void> {
    for (const [shard, epoch] of await takeOver(this.directory, shards)) this.#epochs.set(shard, epoch);
  }

  /** The directory goes on naming it. */
  forget(shards: readonly number[]): void {
    for (const shard of shards) this.#epochs.delete(shard);
  }

  async release(shards: readonly number[]): Promise<void> {
    this.forget(shards);
    await this.directory.release(shards);
  }

  async close(): Promise<void> {
    await Promise.all([this.#inbox.close(), this.membership?.close()]);
    this.#clock.stop();
  }
}
