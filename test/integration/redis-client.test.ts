/** Without it a node that has drained could stay for seconds, waiting for connections that are closed. */
import { expect, it } from 'vitest';
import {
  connectInBackground,
  createRedisClient,
  disconnectClient,
} from '../../src/infra/redis/redis-client.ts';
import { eventually, freshRedis } from '../support/services.ts';
import { systemRandom } from '../../src/infra/system-clock.ts';
import { QuietLogger } from '../support/fakes/quiet.ts';

const timers = (): number => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;

it('a client that is closed is not waited for again', async () => {
  const redis = await freshRedis();
  const client = createRedisClient({
    url: redis.url,
    name: 'closed-twice',
    logger: new QuietLogger(),
    random: systemRandom,
  });
  connectInBackground(client);
  await eventually(() => expect(client.status).toBe('ready'));
  await disconnectClient(client);
  await eventually(() => expect(client.status).toBe('end'));

  const before = timers();
  const closed = disconnectClient(client);
  expect(timers()).toBe(before);
  await closed;
  await redis.drop();
});
