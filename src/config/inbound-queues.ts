import { z } from 'zod';
import { DEAD_LETTER_QUEUES, INBOUND_QUEUES, sourceQueues } from '../contracts/queues.ts';
import type { InboundQueue, SourceQueue } from '../contracts/queues.ts';
import { LIMITS } from '../limits.ts';

const EXPECTED = `expected pairs like payments_eu=transactions_queue, separated by commas, with one of ${INBOUND_QUEUES.join(', ')} on the right`;
const NAME = /^[A-Za-z0-9][A-Za-z0-9._:-]{0,126}$/;
const RESERVED = /^(amq|inbox|paygate)\./;
const TAKEN: ReadonlySet<string> = new Set([...INBOUND_QUEUES, ...DEAD_LETTER_QUEUES]);

const isInbound = (name: string): name is InboundQueue =>
  (INBOUND_QUEUES as readonly string[]).includes(name);

/** What is wrong with it; null: nothing. */
function objection(partitions: readonly SourceQueue[]): string | null {
  const names = partitions.map(({ name }) => name);
  const taken = names.find((name) => TAKEN.has(name) || RESERVED.test(name));
  if (taken !== undefined) return `${taken} is the name of another queue`;
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) return `${twice} is there twice`;
  return names.length > LIMITS.partitionsMax ? `at most ${String(LIMITS.partitionsMax)} queues` : null;
}

function readPairs(text: string): readonly SourceQueue[] | null {
  const pairs = text
    .split(',')
    .map((pair) => pair.trim())
    .filter((pair) => pair !== '')
    .map((pair) => pair.split('=').map((word) => word.trim()));
  const partitions = pairs.flatMap(([name = '', as = '', ...rest]) =>
    NAME.test(name) && isInbound(as) && rest.length === 0 ? [{ name, as }] : [],
  );
  return partitions.length === pairs.length ? partitions : null;
}

/** `payments_eu=transactions_queue,refunds_eu=refund_queue`: further queues, beside those of the contract. Gives all of them. */
export function inboundQueues(): z.ZodType<readonly SourceQueue[]> {
  return z.string().transform((text, context) => {
    const partitions = readPairs(text);
    const message = partitions === null ? EXPECTED : objection(partitions);
    if (message === null) return sourceQueues(partitions ?? []);
    context.addIssue({ code: 'custom', message });
    return z.NEVER;
  });
}
