import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { Socket } from 'node:net';
import { GUARDIAN_SCRIPT } from './project-files.ts';
import type { ProcessName } from './process-table.ts';
import { ServerError } from './server-kind.ts';

/** A process to be ended when we are gone: its group gets this signal, and SIGKILL if that was not enough. */
export interface GuardedProcess extends ProcessName {
  readonly endSignal: NodeJS.Signals;
}

/**
 * What the guardian is told, one JSON object a line. It acts when the pipe closes, which the system does for us however
 * we end; `dismiss` lets it go without acting.
 */
export type GuardianOrder =
  | { readonly order: 'watch'; readonly process: GuardedProcess }
  | { readonly order: 'forget'; readonly pid: number }
  | { readonly order: 'remove-directory'; readonly directory: string }
  | {
      readonly order: 'run-at-end';
      readonly command: string;
      readonly args: readonly string[];
      readonly env: Readonly<Record<string, string>>;
    }
  | { readonly order: 'dismiss' };

export interface Guardian {
  tell(order: GuardianOrder): void;
}

/**
 * Starts the guardian in a session of its own, so that Ctrl-C and a closed terminal reach it only through the pipe.
 *
 * Resolves when it is on its post. Throws `ServerError` when it cannot be: no server is started without one.
 */
export async function startGuardian(): Promise<Guardian> {
  const child = spawn(process.execPath, [GUARDIAN_SCRIPT], {
    detached: true,
    stdio: ['pipe', 'pipe', 'ignore'],
    cwd: '/',
  });
  // Without a listener a guardian that ended early (EPIPE) would end us too.
  child.stdin.on('error', () => undefined);
  const onPost = once(child.stdout, 'data').then(() => 'on-post' as const);
  const ended = once(child, 'exit').then(() => 'ended' as const);
  if ((await Promise.race([onPost, ended])) === 'ended') {
    throw new ServerError(`${GUARDIAN_SCRIPT}, which ends servers whose owner is gone, could not be run`);
  }
  child.stdout.destroy();
  child.unref();
  if (child.stdin instanceof Socket) child.stdin.unref();
  return {
    tell: (order) => {
      if (order.order === 'dismiss') child.stdin.end(`${JSON.stringify(order)}\n`);
      else child.stdin.write(`${JSON.stringify(order)}\n`);
    },
  };
}
