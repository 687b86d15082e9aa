import { SingleBar } from 'cli-progress';
import { printError } from './output.ts';

/** Progress of long work: a bar on a terminal, a line every few seconds elsewhere. Always on stderr. */
export interface Progress {
  update(done: number, total: number): void;
  end(): void;
}

const LINE_EVERY_MS = 3_000;

function bar(title: string): Progress {
  const view = new SingleBar({
    format: `${title} [{bar}] {percentage}% · {value}/{total} · {eta_formatted} left`,
    barCompleteChar: '█',
    barIncompleteChar: '░',
    hideCursor: true,
    stream: process.stderr,
    etaBuffer: 50,
  });
  let started = false;
  return {
    update(done, total) {
      if (!started) view.start(total, done);
      started = true;
      view.setTotal(total);
      view.update(done);
    },
    end() {
      if (started) view.stop();
    },
  };
}

function lines(title: string): Progress {
  let last = Date.now();
  return {
    update(done, total) {
      if (Date.now() - last < LINE_EVERY_MS) return;
      last = Date.now();
      printError(`${title}: ${String(done)} of ${String(total)}`);
    },
    end: () => undefined,
  };
}

export function progress(title: string, options: { readonly quiet?: boolean } = {}): Progress {
  if (options.quiet === true) return { update: () => undefined, end: () => undefined };
  return process.stderr.isTTY ? bar(title) : lines(title);
}
