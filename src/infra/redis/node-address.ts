import { z } from 'zod';
import { withRedisClient } from './one-shot-client.ts';
import { jsonText } from './json-text.ts';

/** What a node lays out of itself for the others, once a second; see the console. */
const FIGURES_KEY = 'paygate:figures:';

const FIGURES = jsonText(z.object({ address: z.url({ protocol: /^https?$/ }) }));

/** Base URL of the admin port of a node, by its incarnation; null: it does not say. Rejects when Redis does not answer. */
export async function readNodeAddress(redisUrl: string, incarnation: string): Promise<string | null> {
  const text = await withRedisClient(redisUrl, (client) => client.get(FIGURES_KEY + incarnation));
  const figures = FIGURES.safeParse(text);
  return figures.success ? figures.data.address : null;
}
