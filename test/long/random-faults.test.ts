/**
 * One fault after the other, drawn at random, on one cluster and one ledger. Without this: faults that are survived one by
 * one, and not in a row. The seed is printed; `PAYGATE_TEST_SEED` draws the same row of faults again.
 */
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { it } from 'vitest';
import { SeededRandom } from '../../src/drive/seeded-random.ts';
import type { ClusterScene, Dependency } from '../cluster/support/cluster-scene.ts';
import { underLoad } from '../cluster/support/load.ts';
import { longestPauseMs } from '../cluster/support/measures.ts';
import { NODES, note, useCluster } from '../cluster/support/use-cluster.ts';

const ROUNDS = 20;

const cluster = useCluster({ links: 'proxied', delivery: 'persistent' });

type Fault = (scene: ClusterScene, random: SeededRandom) => Promise<void>;

const oneOf = <T>(random: SeededRandom, items: readonly T[]): T => items[random.below(items.length)]!;

async function cutOff(scene: ClusterScene, random: SeededRandom, server: Dependency): Promise<void> {
  const links = scene.linksOf(oneOf(random, NODES));
  links[server].cut(random.chance(0.5) ? 'silent' : 'reset');
  await sleep(random.below(20_000));
  links[server].heal();
}

/** Nodes that are missing afterwards are started before the next fault. */
const FAULTS: Readonly<Record<string, Fault>> = {
  'a node is killed': (scene, random) => scene.kill(oneOf(random, NODES)),
  'two nodes are killed': async (scene, random) => {
    const survivor = oneOf(random, NODES);
    await scene.kill(...NODES.filter((nodeId) => nodeId !== survivor));
  },
  'a node is frozen for a while': async (scene, random) => {
    const node = scene.node(oneOf(random, NODES));
    await node.freeze();
    await sleep(random.below(20_000));
    node.thaw();
  },
  'a node leaves': (scene, random) => scene.leave(oneOf(random, NODES)),
  'a node loses PostgreSQL': (scene, random) => cutOff(scene, random, 'postgres'),
  'a node loses RabbitMQ': (scene, random) => cutOff(scene, random, 'rabbitmq'),
  'a node loses Redis': (scene, random) => cutOff(scene, random, 'redis'),
  'Redis is flushed': async (scene) => {
    await scene.redis.flushall();
  },
  'Redis is killed': async (scene, random) => {
    await scene.servers.redis.stop('killed');
    await sleep(random.below(20_000));
    await scene.servers.redis.start();
  },
  'RabbitMQ is restarted': (scene) => scene.servers.rabbitmq.restart('orderly'),
  'all broker connections are closed': async (scene) => {
    await scene.closeBrokerConnections();
  },
  'PostgreSQL is killed': (scene) => scene.servers.postgres.restart('killed'),
};

it(`${ROUNDS} faults in a row`, { timeout: 3_600_000 }, async () => {
  const seed = process.env['PAYGATE_TEST_SEED'] ?? randomBytes(4).toString('hex');
  note(`seed ${seed}`);
  const random = new SeededRandom(seed);
  for (let round = 1; round <= ROUNDS; round += 1) {
    const scene = await cluster();
    const [what, fault] = oneOf(random, Object.entries(FAULTS));
    note(`${round}. ${what}`);
    let startedAtMs = 0;
    const withTime = async (): Promise<void> => {
      startedAtMs = Date.now();
      await fault(scene, random);
    };
    await underLoad(scene, withTime, { cache: 'partial' });
    note(`   longest pause ${await longestPauseMs(scene, startedAtMs)} ms`);
  }
});
