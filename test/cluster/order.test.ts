/**
 * A backlog that three nodes work off while one of them is killed. Without this: an account's purchase is decided before
 * the deposit that pays for it, and its refusal is final. `npm run test:long` has it with 50,000.
 */
import { it } from 'vitest';
import { tellBacklogStory } from './support/backlog-story.ts';
import { useServers } from './support/use-cluster.ts';

const servers = useServers();

it.each(['an owner is killed', 'the reader is killed'])('%s in the middle of a backlog', async (what) => {
  await tellBacklogStory(servers(), what, 15_000);
});
