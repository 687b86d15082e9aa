import { z } from 'zod';
import { ensureError } from '../../domain/errors.ts';
import { withRedisClient } from './one-shot-client.ts';

/** What a node lays out of itself for the others, once a second; see the console. */
const FIGURES_KEY = 'paygate:figures:';

const FIGURES = z
  .string()
  .transform((text, context): unknown => {
    try {
      return JSON.parse(text);
    } catch (error) {
      context.addIssue(ensureError(error).message);
      return z.NEVER;
    }
  })
  .pipe(z.object({ address: z.url({ protocol: /^https?$/ }) }));

/** Base URL of the admin port of a node, by its incarnation; null: it does not say. Rejects when Redis does not answer. */
export async function readNodeAddress(redisUrl: string, incarnation: string): Promise<string | null> {
  const text = await withRedisClient(redisUrl, (client) => client.get(FIGURES_KEY + incarnation));
  const figures = FIGURES.safeParse(text);
  return figures.success ? figures.data.address : null;
}
