import { z } from 'zod';
import type { NodeRecord } from '../../ports/cluster.ts';
import { jsonText } from './json-text.ts';

/** For people, their programs and other nodes: one that is none must not cost the node its place. */
const LINK = z
  .url({ protocol: /^https?$/ })
  .transform((url) => new URL(url).origin)
  .optional()
  .catch(undefined);

const RECORD = z.object({
  nodeId: z.string(),
  incarnation: z.string(),
  inbox: z.string(),
  startedAtMs: z.number(),
  draining: z.boolean(),
  address: LINK,
  peerAddress: LINK,
}) satisfies z.ZodType<NodeRecord>;

/** A node's record as it stands in Redis: whatever stands there was written by somebody. */
export const NODE_RECORD_TEXT = jsonText(RECORD);
