/**
 * A backlog that three nodes work off while one of them is killed. Without this: an account's purchase is decided before
 * the deposit that pays for it, and its refusal is final. `npm run test:long` has it with 50,000.
 */
import { it } from 'vitest';
import { killInBacklog } from './support/backlog-story.ts';
import { useServers } from './support/use-cluster.ts';

const servers = useServers();

it.each(['an owner', 'the reader'] as const)('%s is killed in the middle of a backlog', async (victim) => {
  await killInBacklog(servers(), victim, 20_000);
});
