import { printError } from '../src/cli/output.ts';

const INTERRUPTED = 130;

/** Aborts at the first Ctrl-C; at the second we go, and the guardians end what was started. */
export function firstSignal(): AbortSignal {
  const stop = new AbortController();
  const onSignal = (): void => {
    if (stop.signal.aborted) process.exit(INTERRUPTED);
    printError('ending (Ctrl-C again ends at once)');
    stop.abort();
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  return stop.signal;
}
