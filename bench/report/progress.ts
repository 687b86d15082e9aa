import { createLogUpdate } from 'log-update';

/** How far the bench is: on a terminal the present step in one line that changes, elsewhere a line a step. Always on stderr. */
export interface BenchProgress {
  step(text: string): void;
  /** Stays on the screen. */
  done(text: string): void;
  end(): void;
}

export function createProgress(): BenchProgress {
  if (process.stderr.isTTY) {
    const line = createLogUpdate(process.stderr);
    return {
      step: (text) => line(text),
      done: (text) => {
        line(text);
        line.done();
      },
      end: () => line.clear(),
    };
  }
  const write = (text: string): void => void process.stderr.write(`${text}\n`);
  return { step: write, done: write, end: () => undefined };
}
