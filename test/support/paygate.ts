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

/** The built `paygate` command in a process of its own; a failure is an answer, not an exception. */
export async function paygate(args: readonly string[], env: Environment): Promise<Answer> {
  const { exitCode, stdout, stderr, all } = await execa(process.execPath, [MAIN, ...args], {
    env: { ...BARE, ...env },
    extendEnv: false,
    reject: false,
    all: true,
  });
  return { exitCode, stdout, stderr, all };
}

export interface StartedPaygate {
  /** The first group of the pattern, in the first line that has it, of either output. Rejects when it ends without. */
  line(pattern: RegExp): Promise<string>;
  /** Ctrl-C. */
  interrupt(): void;
  readonly ended: Promise<Answer>;
}

/** The same, while it runs. */
export function startPaygate(args: readonly string[], env: Environment): StartedPaygate {
  const child = execa(process.execPath, [MAIN, ...args], {
    env: { ...BARE, ...env },
    extendEnv: false,
    reject: false,
    all: true,
  });
  const ended = child.then(({ exitCode, stdout, stderr, all }) => ({ exitCode, stdout, stderr, all }));
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

/** Resolves with the base URL of its admin port once it is ready. */
export async function addressOf(node: ChildProcess): Promise<string> {
  const [{ address }] = (await once(node, 'message')) as [{ readonly address: string }];
  return address;
}

export interface PaygateNode {
  /** Base URL of its admin port. */
  readonly address: string;
  /** Asks it to drain; resolves with its exit code. */
  drain(): Promise<number | undefined>;
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
  const [message] = (await once(child, 'message')) as [{ readonly address: string }];
  return {
    address: message.address,
    drain: async () => {
      child.kill('SIGTERM');
      return (await child).exitCode;
    },
  };
}
