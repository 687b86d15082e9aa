import { z } from 'zod';
import { ensureError } from '../../domain/errors.ts';
import type { NodeRecord } from '../../ports/cluster.ts';

const RECORD = z.object({
  nodeId: z.string(),
  incarnation: z.string(),
  inbox: z.string(),
  startedAtMs: z.number(),
  draining: z.boolean(),
}) satisfies z.ZodType<NodeRecord>;

/** A node's record as it stands in Redis: whatever stands there was written by somebody. */
export const NODE_RECORD_TEXT = z
  .string()
  .transform((text, context): unknown => {
    try {
      return JSON.parse(text);
    } catch (error) {
      context.addIssue(ensureError(error).message);
      return z.NEVER;
    }
  })
  .pipe(RECORD);
