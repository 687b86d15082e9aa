import { setTimeout as sleep } from 'node:timers/promises';
import { total } from '../src/cli/demo/exposition.ts';
import type { Sample } from '../src/cli/demo/exposition.ts';
import type { ClusterNode } from '../test/cluster/support/cluster-node.ts';

/** What a node's process has of everything at one moment, by its own metrics; null: they do not say. */
export interface NodeSample {
  /** Since the beginning of the run. */
  readonly atMs: number;
  readonly residentBytes: number | null;
  readonly heapBytes: number | null;
  /** File descriptors: sockets, files, pipes. */
  readonly descriptors: number | null;
  /** What keeps the event loop alive: timers, sockets, requests. */
  readonly handles: number | null;
}

/** One process of a node, from its start to its end. */
export interface NodeLife {
  readonly nodeId: string;
  readonly pid: number;
  readonly samples: NodeSample[];
}

export interface NodeDeath {
  readonly nodeId: string;
  readonly code: number | null;
}

const EVERY_MS = 5_000;

/**
 * Looks at the nodes of a cluster every few seconds, and notices one that ends by itself.
 *
 * Owns what it has seen. A node that does not answer at that moment (it is frozen, or dead) has no sample of it.
 */
export class NodeLives {
  readonly #nodes: ReadonlyMap<string, ClusterNode>;
  readonly #startedAtMs: number;
  readonly #onDeath: (death: NodeDeath) => void;
  readonly #lives = new Map<ClusterNode, NodeLife>();
  readonly #stop = new AbortController();
  readonly #ended: Promise<void>;

  constructor(
    nodes: ReadonlyMap<string, ClusterNode>,
    startedAtMs: number,
    onDeath: (death: NodeDeath) => void,
  ) {
    this.#nodes = nodes;
    this.#startedAtMs = startedAtMs;
    this.#onDeath = onDeath;
    this.#ended = this.#run();
  }

  get lives(): readonly NodeLife[] {
    return [...this.#lives.values()];
  }

  /** To be called after nodes were started: from then on their end is noticed. */
  watch(): void {
    for (const node of this.#nodes.values()) this.#lifeOf(node);
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#ended;
  }

  async #run(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      await Promise.all([...this.#nodes.values()].map((node) => this.#sample(node)));
      await sleep(EVERY_MS, undefined, { signal: this.#stop.signal }).catch(() => undefined);
    }
  }

  async #sample(node: ClusterNode): Promise<void> {
    const life = this.#lifeOf(node);
    const samples = await node.metrics().catch(() => null);
    if (samples === null) return;
    life.samples.push(sampleOf(samples, Date.now() - this.#startedAtMs));
  }

  #lifeOf(node: ClusterNode): NodeLife {
    const known = this.#lives.get(node);
    if (known !== undefined) return known;
    const { nodeId, pid } = node;
    const life = { nodeId, pid, samples: [] };
    this.#lives.set(node, life);
    void node.exited.then((code) => {
      // Whoever ends a node takes it out first.
      if (this.#nodes.get(nodeId) === node) this.#onDeath({ nodeId, code });
    });
    return life;
  }
}

export function sampleOf(metrics: readonly Sample[], atMs: number): NodeSample {
  const figure = (name: string): number | null =>
    metrics.some((metric) => metric.name === name) ? total(metrics, name) : null;
  return {
    atMs,
    residentBytes: figure('process_resident_memory_bytes'),
    heapBytes: figure('nodejs_heap_size_used_bytes'),
    descriptors: figure('process_open_fds'),
    handles: figure('nodejs_active_resources'),
  };
}
