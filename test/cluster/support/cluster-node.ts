import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseExposition, total } from '../../../src/cli/demo/exposition.ts';
import type { Sample } from '../../../src/cli/demo/exposition.ts';
import type { Guardian } from '../../../src/infra/services/guardian.ts';
import { processName } from '../../../src/infra/services/process-table.ts';
import { eventually } from '../../support/eventually.ts';
import { stateOf } from '../../support/processes.ts';

const MAIN = fileURLToPath(new URL('../../../dist/cli/main.js', import.meta.url));
const READY_WITHIN_MS = 60_000;
const METRICS_WITHIN_MS = 5_000;
const LOG_TAIL_LINES = 60;

export interface NodeOptions {
  readonly nodeId: string;
  readonly env: Readonly<Record<string, string>>;
  /** Appended to. */
  readonly logFile: string;
  /** Ends it when we are gone. With one, Ctrl-C reaches the node only through us. */
  readonly guardian?: Guardian | undefined;
}

/** `paygate node` as a process of its own, with everything that can happen to a process. */
export class ClusterNode {
  readonly nodeId: string;
  readonly pid: number;
  /** Base URL of its admin port. */
  readonly address: string;
  /** Exit code, null after a signal. */
  readonly exited: Promise<number | null>;
  readonly #child: ChildProcess;

  private constructor(nodeId: string, child: ChildProcess, exited: Promise<number | null>, address: string) {
    this.nodeId = nodeId;
    this.pid = child.pid ?? 0;
    this.address = address;
    this.exited = exited;
    this.#child = child;
  }

  /** Resolves when it says that it is ready; rejects with the end of its log when it ends before that. */
  static async start({ nodeId, env, logFile, guardian }: NodeOptions): Promise<ClusterNode> {
    const log = openSync(logFile, 'a');
    const child = spawn(process.execPath, [MAIN, 'node'], {
      env: { PATH: process.env['PATH'], HOME: process.env['HOME'], HTTP_PORT: '0', ...env, NODE_ID: nodeId },
      stdio: ['ignore', log, log, 'ipc'],
      detached: guardian !== undefined,
    });
    closeSync(log);
    const { pid = 0 } = child;
    guardian?.tell({ order: 'watch', process: { ...processName(pid), endSignal: 'SIGKILL' } });
    const endWithUs = (): void => void child.kill('SIGKILL');
    process.once('exit', endWithUs);
    const exited = once(child, 'exit').then(([code]) => {
      process.removeListener('exit', endWithUs);
      guardian?.tell({ order: 'forget', pid });
      return code as number | null;
    });
    const gone = exited.then((code): never => {
      throw new Error(`${nodeId} ended before it was ready (exit code ${String(code)}):\n${tail(logFile)}`);
    });
    const ready = once(child, 'message', { signal: AbortSignal.timeout(READY_WITHIN_MS) });
    const [message] = (await Promise.race([ready, gone])) as [{ readonly address: string }];
    return new ClusterNode(nodeId, child, exited, message.address);
  }

  /** SIGKILL; resolves when it is gone. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.exited;
  }

  /** SIGTERM: it drains. Resolves with its exit code. */
  async leave(): Promise<number | null> {
    this.#child.kill('SIGTERM');
    return this.exited;
  }

  /** SIGSTOP; resolves when it stands still. */
  async freeze(): Promise<void> {
    this.#child.kill('SIGSTOP');
    await eventually(() => assert.equal(stateOf(this.pid), 'T'));
  }

  thaw(): void {
    this.#child.kill('SIGCONT');
  }

  /** A figure of `/metrics`, summed over its labels. Rejects when it does not answer in time. */
  async metric(name: string): Promise<number> {
    return total(await this.metrics(), name);
  }

  /** All of `/metrics`. Rejects when it does not answer in time. */
  async metrics(): Promise<readonly Sample[]> {
    const response = await fetch(`${this.address}/metrics`, {
      signal: AbortSignal.timeout(METRICS_WITHIN_MS),
    });
    return parseExposition(await response.text());
  }
}

export function tail(logFile: string): string {
  return readFileSync(logFile, 'utf8').trimEnd().split('\n').slice(-LOG_TAIL_LINES).join('\n');
}
