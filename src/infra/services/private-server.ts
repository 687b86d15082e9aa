import { setTimeout as sleep } from 'node:timers/promises';
import type { Guardian } from './guardian.ts';
import type { ProcessName } from './process-table.ts';
import type { RestartMode, ServerHandle, ServerKind } from './server-kind.ts';
import { ServerError } from './server-kind.ts';
import type { Launch } from './server-process.ts';
import { ServerProcess } from './server-process.ts';

export interface RecipeStep {
  readonly launch: Launch;
  /** One attempt to see whether it serves; rejects while it does not. */
  readonly probe: () => Promise<void>;
}

/** How one private server is run: its programs in the order of their start, the server itself last. */
export interface Recipe {
  readonly kind: ServerKind;
  readonly url: string;
  readonly steps: readonly RecipeStep[];
  readonly stopSignal: NodeJS.Signals;
}

const START_LIMIT_MS = 90_000;
const STOP_LIMIT_MS = 20_000;
const PROBE_PAUSE_MS = 25;

/**
 * A server of our own on the loopback interface.
 *
 * Owns its processes, not its directory. 1. Whatever it started is known to the guardian until it has ended. 2. A start
 * that fails ends what it had begun. 3. Only processes it started are ever signalled.
 */
export class PrivateServer implements ServerHandle {
  readonly kind: ServerKind;
  readonly url: string;
  readonly #recipe: Recipe;
  readonly #guardian: Guardian;
  #processes: readonly ServerProcess[] = [];

  constructor(recipe: Recipe, guardian: Guardian) {
    this.kind = recipe.kind;
    this.url = recipe.url;
    this.#recipe = recipe;
    this.#guardian = guardian;
  }

  get pid(): number | null {
    return this.#processes.at(-1)?.name.pid ?? null;
  }

  /** All its processes with the signal that ends each, for a record on disk. */
  get guarded(): readonly (ProcessName & { readonly endSignal: NodeJS.Signals })[] {
    return this.#processes.map((process, at) => ({
      ...process.name,
      endSignal: this.#recipe.steps[at]?.launch.endSignal ?? 'SIGKILL',
    }));
  }

  async start(): Promise<void> {
    if (this.#processes.length > 0) return;
    try {
      for (const step of this.#recipe.steps) {
        const process = await ServerProcess.start(step.launch, this.#guardian);
        this.#processes = [...this.#processes, process];
        await this.#untilServing(process, step);
      }
    } catch (error) {
      await this.stop('killed');
      throw error;
    }
  }

  async stop(mode: RestartMode = 'orderly'): Promise<void> {
    const signal = mode === 'orderly' ? this.#recipe.stopSignal : 'SIGKILL';
    for (const process of this.#processes.toReversed()) await process.end(signal, STOP_LIMIT_MS);
    this.#processes = [];
  }

  async restart(mode: RestartMode): Promise<void> {
    await this.stop(mode);
    await this.start();
  }

  async pause(): Promise<void> {
    for (const process of this.#processes) await process.freeze();
  }

  async resume(): Promise<void> {
    for (const process of this.#processes) await process.thaw();
  }

  async #untilServing(process: ServerProcess, step: RecipeStep): Promise<void> {
    const deadline = Date.now() + START_LIMIT_MS;
    for (;;) {
      if (!process.isRunning()) {
        throw new ServerError(
          `${this.kind} ended while it was starting; its last words:\n${process.logTail()}`,
        );
      }
      try {
        await step.probe();
        return;
      } catch (error) {
        if (Date.now() > deadline) {
          const words = process.logTail();
          throw new ServerError(`${this.kind} did not answer in time; its last words:\n${words}`, {
            cause: error,
          });
        }
        await sleep(PROBE_PAUSE_MS);
      }
    }
  }
}
