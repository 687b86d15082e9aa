import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { eventually } from './eventually.ts';

export const MAIN = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

/** Nothing of the caller's own servers gets through. */
const BARE = { PATH: process.env['PATH'] ?? '', HOME: process.env['HOME'] ?? '/tmp', NO_COLOR: '1' };

type Environment = Readonly<Record<string, string>>;

export interface Answer {
  /** undefined: ended by a signal. */
  readonly exitCode: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
  /** Both, in the order written. */
  readonly all: string;
}

/** Before the time of the test is up, so that what it printed is seen. */
const ENDS_WITHIN_MS = 150_000;

function launch(args: readonly string[], env: Environment) {
  return execa(process.execPath, [MAIN, ...args], {
    env: { ...BARE, ...env },
    extendEnv: false,
    reject: false,
    all: true,
    timeout: ENDS_WITHIN_MS,
  });
}

async function answerOf(args: readonly string[], child: ReturnType<typeof launch>): Promise<Answer> {
  const { exitCode, stdout, stderr, all, timedOut } = await child;
  if (timedOut) throw new Error(`paygate ${args.join(' ')} did not end within ${ENDS_WITHIN_MS} ms:\n${all}`);
  return { exitCode, stdout, stderr, all };
}

/**
 * The built `paygate` command in a process of its own; a failure is an answer, not an exception. Rejects, with what it printed,
 * when it does not end.
 */
export async function paygate(args: readonly string[], env: Environment): Promise<Answer> {
  return answerOf(args, launch(args, env));
}

/** The same, whose output nobody reads (`… | head`): what it says on stderr, and its exit code. */
export async function paygateUnread(args: readonly string[], env: Environment): Promise<string> {
  const child = spawn(process.execPath, [MAIN, ...args], {
    env: { ...BARE, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  child.stdout.destroy();
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
  const [exitCode] = (await once(child, 'close')) as [number | null];
  return `${said}exit code ${exitCode}`;
}

export interface StartedPaygate {
  /** The first group of the pattern, in the first line that has it, of either output. Rejects when it ends without. */
  line(pattern: RegExp): Promise<string>;
  /** Ctrl-C. */
  interrupt(): void;
  /** Rejects, with what it printed, when it does not end. */
  readonly ended: Promise<Answer>;
}

/** The same, while it runs. */
export function startPaygate(args: readonly string[], env: Environment): StartedPaygate {
  const child = launch(args, env);
  const ended = answerOf(args, child);
  // Whoever waits for it hears of it.
  ended.catch(() => undefined);
  let told = '';
  child.all.on('data', (chunk: Buffer) => (told += chunk.toString()));
  return {
    ended,
    interrupt: () => void child.kill('SIGINT'),
    line: async (pattern) => {
      const gone = ended.then(({ all }): never => {
        throw new Error(`it ended without ${pattern.source}:\n${all}`);
      });
      const found = eventually(() => {
        const match = told
          .split('\n')
          .map((line) => pattern.exec(line))
          .find((one) => one !== null);
        if (match == null) throw new Error(`no line has ${pattern.source} yet`);
        return match[1] ?? '';
      });
      return Promise.race([found, gone]);
    },
  };
}

/** `paygate node` as a process that a test may kill or stop; the caller ends it. */
export function nodeProcess(env: Environment): ChildProcess {
  return spawn(process.execPath, [MAIN, 'node'], {
    env: { ...BARE, ...env },
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
}

const READY_WITHIN_MS = 120_000;

/** Resolves with the base URL of its admin port once it is ready; rejects when it ends before that. */
export async function addressOf(node: ChildProcess): Promise<string> {
  const settled = new AbortController();
  const signal = AbortSignal.any([settled.signal, AbortSignal.timeout(READY_WITHIN_MS)]);
  const gone = once(node, 'exit', { signal }).then(([code]): never => {
    throw new Error(`the node ended before it was ready (exit code ${String(code)})`);
  });
  try {
    const [{ address }] = (await Promise.race([once(node, 'message', { signal }), gone])) as [
      { readonly address: string },
    ];
    return address;
  } finally {
    settled.abort();
    gone.catch(() => undefined);
  }
}

export interface PaygateNode {
  /** Base URL of its admin port. */
  readonly address: string;
  /** Asks it to drain, with SIGTERM; resolves with its exit code. One that is about to end anyway may die of the signal. */
  drain(): Promise<number | undefined>;
  /** Exit code, once it has ended by itself or by somebody's order. */
  readonly ended: Promise<number | undefined>;
}

/** `paygate node`, once it is ready. */
export async function startPaygateNode(env: Environment): Promise<PaygateNode> {
  const child = execa(process.execPath, [MAIN, 'node'], {
    env: { ...BARE, HTTP_PORT: '0', DRAIN_TIMEOUT_MS: '120000', ...env },
    extendEnv: false,
    reject: false,
    // A node may take as long to drain as its settings say.
    forceKillAfterDelay: false,
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const ended = child.then(({ exitCode }) => exitCode);
  return {
    address: await addressOf(child),
    ended,
    drain: () => {
      child.kill('SIGTERM');
      return ended;
    },
  };
}
