import { progress } from '../src/cli/progress.ts';
import { ensureError } from '../src/domain/errors.ts';
import { HELP, readOptions } from './options.ts';
import type { SimOptions } from './options.ts';
import { simulate } from './simulate.ts';

const USAGE = 2;

const say = (text: string): void => void process.stdout.write(`${text}\n`);

function optionsOrCode(): SimOptions | number {
  try {
    const options = readOptions(process.argv.slice(2));
    if (options !== null) return options;
    say(HELP);
    return 0;
  } catch (error) {
    process.stderr.write(
      `${ensureError(error).message}\nnpm run sim -- --help tells what can be asked for\n`,
    );
    return USAGE;
  }
}

async function run(options: SimOptions): Promise<number> {
  const interruption = new AbortController();
  // The second one ends it at once.
  process.once('SIGINT', () => interruption.abort());
  const quiet = options.seeds === 1;
  return simulate(options, { say, progress: progress('seeds', { quiet }), signal: interruption.signal });
}

const options = optionsOrCode();
process.exitCode = typeof options === 'number' ? options : await run(options);
