import { z } from 'zod';
import type { NodeRecord } from '../../ports/cluster.ts';
import { jsonText } from './json-text.ts';

const RECORD = z.object({
  nodeId: z.string(),
  incarnation: z.string(),
  inbox: z.string(),
  startedAtMs: z.number(),
  draining: z.boolean(),
}) satisfies z.ZodType<NodeRecord>;

/** A node's record as it stands in Redis: whatever stands there was written by somebody. */
export const NODE_RECORD_TEXT = jsonText(RECORD);
