/**
 * A backlog that nodes work off while one of them is killed or joins. Without this: an account's purchase is decided before
 * the deposit that pays for it, and its refusal is final. `npm run test:long` has it with 50,000.
 */
import { it } from 'vitest';
import { BACKLOG_STORIES, tellBacklogStory } from './support/backlog-story.ts';
import { useServers } from './support/use-cluster.ts';

const servers = useServers();

it.each(Object.keys(BACKLOG_STORIES))('%s in the middle of a backlog', async (what) => {
  await tellBacklogStory(servers(), what, 15_000);
});
