import { closeSync, openSync } from 'node:fs';
import type { Environment } from '../../config.ts';
import { startNodeProcess, type NodeProcess } from './node-process.ts';

export type SlotState = 'starting' | 'up' | 'killed' | 'ended';

/** What the figures need to know of a node. */
export interface WatchedNode {
  readonly nodeId: string;
  /** 1 = the first process under this name. */
  readonly run: number;
  readonly state: SlotState;
  /** Base URL of its admin port; null unless it is up. */
  readonly address: string | null;
}

/**
 * One node of the demonstration by its name: a process, and after a kill the next one under the same name.
 *
 * N1. At most one process at a time. All of them write into one log file.
 * N2. A process that ends by itself leaves the state `ended`, as one that was stopped does; the exit code tells.
 */
export class NodeSlot implements WatchedNode {
  readonly nodeId: string;
  readonly logFile: string;
  readonly #env: Environment;
  readonly #struck = new AbortController();
  #state: SlotState = 'killed';
  #process: NodeProcess | null = null;
  #run = 0;
  #exitCode: number | null = null;

  constructor(nodeId: string, logFile: string, env: Environment) {
    this.nodeId = nodeId;
    this.logFile = logFile;
    this.#env = { ...env, NODE_ID: nodeId };
  }

  get run(): number {
    return this.#run;
  }

  get state(): SlotState {
    return this.#state;
  }

  get address(): string | null {
    return this.#state === 'up' ? (this.#process?.address ?? null) : null;
  }

  /** Resolves when the node has joined. Rejects when it ended before that, and when it was struck. */
  async start(): Promise<void> {
    if (this.#state !== 'killed') throw new Error(`${this.nodeId} is ${this.#state}`);
    this.#state = 'starting';
    this.#run += 1;
    const logFd = openSync(this.logFile, 'a');
    try {
      const started = await startNodeProcess({ env: this.#env, logFd, signal: this.#struck.signal });
      this.#process = started;
      this.#state = 'up';
      void started.exited.then((code) => this.#onExit(started, code));
    } catch (error) {
      this.#state = 'ended';
      throw error;
    } finally {
      closeSync(logFd);
    }
  }

  /** SIGKILL. Resolves when the process is gone. */
  async kill(): Promise<void> {
    const process = this.#process;
    if (process === null || this.#state !== 'up') return;
    this.#state = 'killed';
    process.kill();
    await process.exited;
  }

  /** SIGTERM: it drains. Resolves when it is gone. */
  async stop(): Promise<void> {
    if (this.#state === 'up') await this.#process?.stop();
  }

  /** Exit code of the last process, null if it has none. */
  get exitCode(): number | null {
    return this.#exitCode;
  }

  /** Ends whatever there is, at once and for good. */
  strike(): void {
    this.#struck.abort();
    this.#process?.kill();
  }

  #onExit(ended: NodeProcess, code: number | null): void {
    if (this.#process !== ended || this.#state !== 'up') return;
    this.#state = 'ended';
    this.#exitCode = code;
  }
}
