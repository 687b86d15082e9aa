import { setTimeout as delay } from 'node:timers/promises';
import type { SeededRandom } from '../../drive/seeded-random.ts';
import { ensureError } from '../../domain/errors.ts';
import type { NodeSlot } from './node-slot.ts';

export interface ChaosOptions {
  readonly nodes: readonly NodeSlot[];
  readonly everyMs: number;
  readonly random: SeededRandom;
  /** Called before a node is killed: what it counts is gone with it. */
  readonly beforeKill: () => Promise<unknown>;
  readonly onEvent: (event: string) => void;
}

/** The first kill comes early, so that a short demonstration has one. */
const FIRST_MS_MAX = 1_500;

/**
 * Kills a node with SIGKILL from time to time and starts it again under the same name.
 *
 * One at a time: the next kill comes when the node has joined again, and not before its time.
 */
export class Chaos {
  readonly #options: ChaosOptions;
  readonly #ending = new AbortController();
  readonly #over: Promise<void>;
  #killCount = 0;

  constructor(options: ChaosOptions) {
    this.#options = options;
    this.#over = this.#run();
    // Whoever calls `end` hears of it.
    this.#over.catch(() => undefined);
  }

  get killCount(): number {
    return this.#killCount;
  }

  /** Kills nobody any more; resolves when all are up again. Rejects when a node did not come back. */
  async end(): Promise<void> {
    this.#ending.abort();
    await this.#over;
  }

  async #run(): Promise<void> {
    const { everyMs } = this.#options;
    let nextMs = Date.now() + Math.min(FIRST_MS_MAX, everyMs);
    while (await this.#waited(nextMs - Date.now())) {
      nextMs = Date.now() + everyMs;
      await this.#killOne();
    }
  }

  /** False when it is over meanwhile. */
  async #waited(ms: number): Promise<boolean> {
    const { signal } = this.#ending;
    await delay(Math.max(0, ms), undefined, { signal }).catch(() => undefined);
    return !signal.aborted;
  }

  async #killOne(): Promise<void> {
    const { nodes, random, beforeKill, onEvent } = this.#options;
    const victim = nodes[random.below(nodes.length)];
    if (victim?.state !== 'up') return;
    await beforeKill();
    await victim.kill();
    this.#killCount += 1;
    onEvent(`${victim.nodeId} was killed`);
    try {
      await victim.start();
    } catch (error) {
      onEvent(`${victim.nodeId} does not come back: ${ensureError(error).message}`);
      throw error;
    }
    onEvent(`${victim.nodeId} is back`);
  }
}
