import { setTimeout as sleep } from 'node:timers/promises';
import { total } from '../src/cli/demo/exposition.ts';
import type { ClusterNode } from '../test/cluster/support/cluster-node.ts';

/** What a node's process has of everything at one moment, by its own metrics. */
export interface NodeSample {
  /** Since the beginning of the run. */
  readonly atMs: number;
  readonly residentBytes: number;
  readonly heapBytes: number;
  /** File descriptors: sockets, files, pipes. null: the system does not say. */
  readonly descriptors: number | null;
  /** Timers, requests and the like that the event loop knows. */
  readonly handles: number;
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
    const descriptors = total(samples, 'process_open_fds');
    life.samples.push({
      atMs: Date.now() - this.#startedAtMs,
      residentBytes: total(samples, 'process_resident_memory_bytes'),
      heapBytes: total(samples, 'nodejs_heap_size_used_bytes'),
      descriptors: descriptors === 0 ? null : descriptors,
      handles: total(samples, 'nodejs_active_resources_total'),
    });
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
