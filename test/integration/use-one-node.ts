import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach } from 'vitest';
import type { Environment } from '../../src/config.ts';
import type { TransactionCommand } from '../../src/contracts/command.ts';
import type { InboundQueue } from '../../src/contracts/queues.ts';
import { startNode } from '../../src/node.ts';
import type { RunningNode } from '../../src/node.ts';
import { QuietLogger } from '../support/fakes/quiet.ts';
import { bodyOf } from '../support/message-bodies.ts';
import { freshRedis, freshVhost, withDatabase } from '../support/services.ts';
import type { TestDatabase, TestPlace } from '../support/services.ts';
import { configOf, environmentOf, publish } from './node-scene.ts';
import type { Place } from './node-scene.ts';

export interface OneNode {
  readonly pool: TestDatabase['pool'];
  readonly rabbitmqUrl: string;
  readonly redisUrl: string;
  /** For the `paygate` command. */
  readonly env: Record<string, string>;
  start(settings?: Environment): Promise<RunningNode>;
  /** Every node that was started. */
  stop(): Promise<void>;
  send(commands: readonly TransactionCommand[], queue?: InboundQueue): Promise<void>;
}

interface Scene {
  readonly database: TestDatabase;
  readonly vhost: TestPlace;
  readonly redis: TestPlace;
  readonly place: Place;
}

/** A place of its own for each test, and a node that the test starts there. To be declared at the head of a file. */
export function useOneNode(): OneNode {
  let present: Scene | null = null;
  let nodes: RunningNode[] = [];
  const scene = (): Scene => {
    if (present === null) throw new Error('no test is running');
    return present;
  };
  const stop = async (): Promise<void> => {
    await Promise.all(nodes.splice(0).map((node) => node.drain()));
    nodes = [];
  };
  beforeEach(async () => {
    const [database, vhost, redis] = await Promise.all([withDatabase(), freshVhost(), freshRedis()]);
    const place = { databaseUrl: database.url, rabbitmqUrl: vhost.url, redisUrl: redis.url };
    present = { database, vhost, redis, place };
  });
  afterEach(async () => {
    await stop();
    const { database, vhost, redis } = scene();
    present = null;
    await Promise.all([database.drop(), vhost.drop(), redis.drop()]);
  });
  return {
    get pool() {
      return scene().database.pool;
    },
    get rabbitmqUrl() {
      return scene().vhost.url;
    },
    get redisUrl() {
      return scene().redis.url;
    },
    get env() {
      return environmentOf(scene().place);
    },
    start: async (settings = {}) => {
      const node = await startNode(configOf(scene().place, settings), { logger: new QuietLogger() });
      nodes.push(node);
      return node;
    },
    stop,
    send: (commands, queue = 'transactions_queue') =>
      publish(
        scene().vhost.url,
        commands.map((command) => ({ queue, body: bodyOf(command) })),
      ),
  };
}

/** A body that is no message, and no other's. */
export function nonsense(): string {
  return `{"nonsense":"${randomUUID()}"`;
}
