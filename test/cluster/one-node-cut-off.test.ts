/**
 * One node loses its way to one server while everybody else has all of them. Without this: a node with half of its links
 * keeps its accounts or its queue for ever and decides nothing, or goes on writing beside its successor. `npm run
 * test:long` has the cuts from RabbitMQ, where the broker's heartbeat is waited for.
 */
import { describe, it } from 'vitest';
import { cutOwnerOff, cutReaderOff } from './support/cut-off.ts';
import { underLoad } from './support/load.ts';
import { progress } from './support/measures.ts';
import { useCluster } from './support/use-cluster.ts';

const cluster = useCluster({ links: 'proxied' });

/** A cut is silent where the network loses packets, and resets connections where a firewall refuses them. */
describe('an owner', () => {
  it.each([
    ['redis', 'silent'],
    ['postgres', 'silent'],
  ] as const)('is cut off from %s (%s): others take its accounts, and it comes back', async (server, how) => {
    await cutOwnerOff(await cluster(), server, how);
  });

  it('its connections to RabbitMQ are reset, again and again: what was on its way is decided in order', async () => {
    const scene = await cluster();
    await underLoad(scene, async () => {
      const { rabbitmq } = scene.linksOf(await scene.ownerOnly());
      for (let round = 1; round <= 8; round += 1) {
        rabbitmq.cut('reset');
        rabbitmq.heal();
        await progress(scene, 300);
      }
    });
  });
});

it('the reader is cut off from PostgreSQL: another node reads, in order', async () => {
  await cutReaderOff(await cluster(), 'postgres', 'reset');
});
