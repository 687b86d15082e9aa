import { randomBytes } from 'node:crypto';
import { parseArgs } from 'node:util';
import { FAULT_KINDS } from '../test/cluster/support/faults.ts';
import type { FaultKind } from '../test/cluster/support/faults.ts';

export const HELP = `Runs three nodes on servers of their own under a steady load while one fault after the other hits them, and checks at the end that
every promise was kept and that no node has grown.

  npm run soak                             10 minutes
  npm run soak -- --minutes 30             30 minutes
  npm run soak -- --rate 300               transactions a second (default 250)
  npm run soak -- --seed 4f2a91c0          the same row of faults again, and the same payments
  npm run soak -- --faults redis-killed,node-frozen
                                           only these kinds of faults
  npm run soak -- --logs ./soak-logs       keeps the logs of the nodes there
  npm run soak -- --json                   the report as JSON on standard output; progress stays on standard error
  npm run soak -- --help

Ends with 1 if a promise was broken or a node has grown: then it says which, beside the time line of the faults. Ctrl-C ends the load,
mends what is broken at that moment, checks what was sent until then, and ends with 130 (1 if something is wrong); Ctrl-C again ends
it at once.

Kinds of faults: ${FAULT_KINDS.join(', ')}
`;

export interface SoakOptions {
  readonly minutes: number;
  readonly ratePerSecond: number;
  readonly seed: string;
  readonly faults: readonly FaultKind[];
  readonly logs: string | null;
  readonly format: 'text' | 'json';
}

/** null: help is wanted. Throws a sentence for the user where something is wrong. */
export function readOptions(args: readonly string[]): SoakOptions | null {
  const { values } = parseArgs({
    args: [...args],
    options: {
      minutes: { type: 'string', default: '10' },
      rate: { type: 'string', default: '250' },
      seed: { type: 'string' },
      faults: { type: 'string' },
      logs: { type: 'string' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return null;
  return {
    minutes: within('minutes', values.minutes, 0.1, 100_000),
    ratePerSecond: within('rate', values.rate, 10, 5_000),
    seed: values.seed ?? randomBytes(4).toString('hex'),
    faults: values.faults === undefined ? FAULT_KINDS : values.faults.split(',').map(faultKind),
    logs: values.logs ?? null,
    format: values.json ? 'json' : 'text',
  };
}

function faultKind(text: string): FaultKind {
  const kind = FAULT_KINDS.find((known) => known === text);
  if (kind !== undefined) return kind;
  throw new RangeError(`there is no fault ${text}; there are ${FAULT_KINDS.join(', ')}`);
}

function within(name: string, text: string, least: number, most: number): number {
  const value = /^\d{1,6}(\.\d{1,3})?$/.test(text) ? Number(text) : NaN;
  if (value >= least && value <= most) return value;
  throw new RangeError(`--${name} must be a number from ${least} to ${most}, not ${text}`);
}
