/** As test/cluster/order.test.ts, with the backlog that is promised. */
import { it } from 'vitest';
import { killInBacklog } from '../cluster/support/backlog-story.ts';
import { useServers } from '../cluster/support/use-cluster.ts';

const servers = useServers();

it.each(['an owner', 'the reader'] as const)('%s is killed in a backlog of 50,000', async (victim) => {
  await killInBacklog(servers(), victim, 50_000);
});
