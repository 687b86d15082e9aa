import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import type { Environment } from '../../config.ts';
import { within } from '../../infra/within.ts';
import { CommandError, EXIT } from '../exit-codes.ts';

/** What `paygate node` tells a parent process once it is ready. */
const readyMessage = z.object({ type: z.literal('ready'), address: z.string() });

/** A `paygate node` in a process of its own, outside our process group: Ctrl-C reaches it only through us. */
export interface NodeProcess {
  readonly pid: number;
  /** Base URL of its admin port. */
  readonly address: string;
  /** Resolves with the exit code (null: killed by a signal). */
  readonly exited: Promise<number | null>;
  /** SIGTERM: it drains and exits; one that does not is killed after a minute. Resolves when it is gone. */
  stop(): Promise<number | null>;
  kill(): void;
}

const MAIN = fileURLToPath(new URL('../main.js', import.meta.url));
const READY_WITHIN_MS = 60_000;
/** A node gives up draining long before that: one that is still there hangs. */
const GONE_WITHIN_MS = 60_000;

async function untilReady(child: ChildProcess, exited: Promise<number | null>): Promise<string> {
  const timeout = AbortSignal.timeout(READY_WITHIN_MS);
  const gone = exited.then((code) => {
    throw new CommandError(
      `the node ended before it was ready (exit code ${String(code)})`,
      EXIT.unavailable,
    );
  });
  const message = await Promise.race([once(child, 'message', { signal: timeout }), gone]);
  return readyMessage.parse(message[0]).address;
}

/** Starts a node and waits until it is ready. Its log goes to `logFd`. */
export async function startNodeProcess(options: {
  readonly env: Environment;
  readonly logFd: number;
  /** Aborted: the process is killed, also while it starts. */
  readonly signal: AbortSignal;
}): Promise<NodeProcess> {
  options.signal.throwIfAborted();
  const child = spawn(process.execPath, [MAIN, 'node'], {
    detached: true,
    stdio: ['ignore', options.logFd, options.logFd, 'ipc'],
    env: { ...options.env },
  });
  const exited = once(child, 'exit').then(([code]) => code as number | null);
  const kill = (): void => {
    child.kill('SIGKILL');
  };
  options.signal.addEventListener('abort', kill, { once: true });
  void exited.then(() => options.signal.removeEventListener('abort', kill));
  try {
    const address = await untilReady(child, exited);
    return {
      pid: child.pid ?? 0,
      address,
      exited,
      kill,
      stop: async () => {
        child.kill('SIGTERM');
        if (!(await within(GONE_WITHIN_MS, () => exited))) kill();
        return exited;
      },
    };
  } catch (error) {
    kill();
    throw error;
  }
}
