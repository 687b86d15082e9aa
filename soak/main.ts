import { printError, print, printJson } from '../src/cli/output.ts';
import { EXIT } from '../src/cli/exit-codes.ts';
import { ensureError } from '../src/domain/errors.ts';
import { firstSignal } from '../bench/first-signal.ts';
import { createProgress } from '../bench/report/progress.ts';
import { ServerError } from '../src/infra/services/server-kind.ts';
import { HELP, readOptions } from './options.ts';
import type { SoakOptions } from './options.ts';
import { reportText } from './report.ts';
import type { SoakReport } from './report.ts';
import { runSoak } from './run-soak.ts';

function optionsOrCode(): SoakOptions | number {
  try {
    const options = readOptions(process.argv.slice(2));
    if (options !== null) return options;
    print(HELP);
    return EXIT.ok;
  } catch (error) {
    printError(`${ensureError(error).message}\nnpm run soak -- --help tells what can be asked for`);
    return EXIT.usage;
  }
}

function codeOf({ broken, ended }: SoakReport): number {
  if (broken.length > 0) return EXIT.finding;
  return ended === 'interrupted' ? EXIT.interrupted : EXIT.ok;
}

function unavailable(error: unknown): number {
  if (!(error instanceof ServerError)) throw error;
  printError(error.message);
  return EXIT.unavailable;
}

async function run(options: SoakOptions): Promise<number> {
  const progress = createProgress();
  const report = await runSoak(options, progress, firstSignal()).finally(() => progress.end());
  if (options.format === 'json') printJson(report);
  else print(reportText(report));
  return codeOf(report);
}

const options = optionsOrCode();
process.exitCode = typeof options === 'number' ? options : await run(options).catch(unavailable);
