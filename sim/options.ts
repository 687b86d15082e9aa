import { parseArgs } from 'node:util';

export const HELP = `Breaks a simulated cluster of three nodes in many ways and checks the promises of the design.

  npm run sim                              100 seeds, from 1 on
  npm run sim -- --seed 42                 one seed, with its story
  npm run sim -- --from 1000 --seeds 500   500 seeds from 1000 on
  npm run sim -- --json                    what was found and hit, as JSON
  npm run sim -- --help

Ends with 1 if a promise was broken; then the shortest story that breaks it is printed. Ctrl-C ends after the present
seed and says what was found until then (exit code 130). What is simulated and what is not: sim/README.md
`;

export interface SimOptions {
  readonly from: number;
  readonly seeds: number;
  readonly story: 'told' | 'kept';
  readonly format: 'text' | 'json';
}

/** null: help is wanted. Throws a sentence for the user where something is wrong. */
export function readOptions(args: readonly string[]): SimOptions | null {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seed: { type: 'string' },
      from: { type: 'string' },
      seeds: { type: 'string' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return null;
  const format = values.json ? 'json' : 'text';
  if (values.seed === undefined)
    return {
      from: whole('from', values.from ?? '1', 0),
      seeds: whole('seeds', values.seeds ?? '100', 1),
      story: 'kept',
      format,
    };
  if (values.from !== undefined || values.seeds !== undefined)
    throw new RangeError('--seed is one seed: it goes with neither --from nor --seeds');
  return { from: whole('seed', values.seed, 0), seeds: 1, story: 'told', format };
}

function whole(name: string, text: string, least: number): number {
  if (/^\d{1,9}$/.test(text) && Number(text) >= least) return Number(text);
  throw new RangeError(`--${name} must be a whole number of at least ${least}, not ${text}`);
}
