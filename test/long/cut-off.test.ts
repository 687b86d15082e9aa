/** As test/cluster/one-node-cut-off.test.ts, where the broker's heartbeat is waited for, and the other ways of cutting. */
import { it } from 'vitest';
import { cutOwnerOff, cutReaderOff } from '../cluster/support/cut-off.ts';
import { useCluster } from '../cluster/support/use-cluster.ts';

const cluster = useCluster({ links: 'proxied' });

it.each([
  ['rabbitmq', 'silent'],
  ['rabbitmq', 'reset'],
  ['postgres', 'reset'],
  ['redis', 'reset'],
] as const)('an owner is cut off from %s (%s)', async (server, how) => {
  await cutOwnerOff(await cluster(), server, how);
});

it.each([
  ['rabbitmq', 'silent'],
  ['rabbitmq', 'reset'],
  ['postgres', 'silent'],
] as const)('the reader is cut off from %s (%s)', async (server, how) => {
  await cutReaderOff(await cluster(), server, how);
});
