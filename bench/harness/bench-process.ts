import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Guardian } from '../../src/infra/services/guardian.ts';
import { processName } from '../../src/infra/services/process-table.ts';

const PAYGATE = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
const READY_WITHIN_MS = 120_000;
const ANSWER_WITHIN_MS = 120_000;
const STOP_WITHIN_MS = 60_000;
const LOG_TAIL_LINES = 20;

export interface ProcessOptions {
  readonly name: string;
  /** For `node`: its own options first, then the program and its arguments. */
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly logFile: string;
  readonly guardian: Guardian;
}

/**
 * A program that is measured, in a process of its own: `paygate node`, or what it is compared with. Tells us over the channel
 * when it is ready, and ends at SIGTERM.
 */
export class BenchProcess {
  readonly name: string;
  readonly pid: number;
  /** Base URL of its admin port; empty: it has none. */
  readonly address: string;
  readonly #child: ChildProcess;
  readonly #exited: Promise<number | null>;
  readonly #logFile: string;

  private constructor(
    options: ProcessOptions,
    child: ChildProcess,
    exited: Promise<number | null>,
    address: string,
  ) {
    this.name = options.name;
    this.pid = child.pid ?? 0;
    this.address = address;
    this.#child = child;
    this.#exited = exited;
    this.#logFile = options.logFile;
  }

  /** Rejects with the end of its log when it ends before it is ready. */
  static async start(options: ProcessOptions): Promise<BenchProcess> {
    const log = openSync(options.logFile, 'a', 0o600);
    // In a group of its own: Ctrl-C reaches it only through us.
    const child = spawn(process.execPath, options.args, {
      detached: true,
      env: { PATH: process.env['PATH'], HOME: process.env['HOME'], NODE_ENV: 'production', ...options.env },
      stdio: ['ignore', log, log, 'ipc'],
    });
    closeSync(log);
    const exited = once(child, 'exit').then(([code]) => code as number | null);
    const { pid = 0 } = child;
    const { guardian } = options;
    guardian.tell({ order: 'watch', process: { ...processName(pid), endSignal: 'SIGKILL' } });
    void exited.then(() => guardian.tell({ order: 'forget', pid }));
    const gone = exited.then((code): never => {
      throw new Error(
        `${options.name} ended before it was ready (exit code ${code}):\n${tail(options.logFile)}`,
      );
    });
    try {
      const ready = once(child, 'message', { signal: AbortSignal.timeout(READY_WITHIN_MS) });
      const [message] = (await Promise.race([ready, gone])) as [{ readonly address?: string }];
      return new BenchProcess(options, child, exited, message.address ?? '');
    } catch (error) {
      child.kill('SIGKILL');
      throw error;
    }
  }

  /** Tells it something over its channel, and waits for the answer. Rejects with its error, or when it ends instead. */
  async ask(message: object): Promise<void> {
    const gone = this.#exited.then((code): never => {
      throw new Error(`${this.name} ended (exit code ${code}) instead of answering`);
    });
    const answered = once(this.#child, 'message', { signal: AbortSignal.timeout(ANSWER_WITHIN_MS) });
    this.#child.send(message);
    const [answer] = (await Promise.race([answered, gone])) as [{ readonly error?: string }];
    if (answer.error !== undefined) throw new Error(`${this.name}: ${answer.error}`);
  }

  /** It drains. Rejects when it does not end well. */
  async stop(): Promise<void> {
    this.#child.kill('SIGTERM');
    const patience = setTimeout(() => this.kill(), STOP_WITHIN_MS);
    const code = await this.#exited;
    clearTimeout(patience);
    if (code !== 0)
      throw new Error(`${this.name} did not end well (exit code ${code}):\n${tail(this.#logFile)}`);
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }
}

/** Arguments of `paygate node`. */
export const NODE_ARGS: readonly string[] = [PAYGATE, 'node'];

function tail(logFile: string): string {
  return readFileSync(logFile, 'utf8').trimEnd().split('\n').slice(-LOG_TAIL_LINES).join('\n');
}
