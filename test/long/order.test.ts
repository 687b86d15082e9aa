/** As test/cluster/order.test.ts, with the backlog that is promised. */
import { it } from 'vitest';
import { BACKLOG_STORIES, tellBacklogStory } from '../cluster/support/backlog-story.ts';
import { useServers } from '../cluster/support/use-cluster.ts';

const servers = useServers();

it.each(Object.keys(BACKLOG_STORIES))('%s in a backlog of 50,000', async (what) => {
  await tellBacklogStory(servers(), what, 50_000);
});
