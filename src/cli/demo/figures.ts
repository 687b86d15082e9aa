import { addSamples, buckets, parseExposition, quantile, total, type Sample } from './exposition.ts';
import type { SlotState, WatchedNode } from './node-slot.ts';

/** One node at one reading. */
export interface NodeFigures {
  readonly nodeId: string;
  readonly state: SlotState;
  /** How often it was started again. */
  readonly restarts: number;
  readonly shards: number;
  readonly decidedPerSecond: number;
  readonly residentMegabytes: number;
}

/** One reading of a running cluster: sums over its nodes, those that were killed included. Durations in milliseconds. */
export interface Figures {
  readonly received: number;
  readonly approved: number;
  readonly rejected: number;
  readonly duplicates: number;
  readonly deferred: number;
  readonly deadLettered: number;
  /** Matches of rules that flag. */
  readonly flagged: number;
  /** Decisions per second since the reading before. */
  readonly decidedPerSecond: number;
  readonly latencyMs: {
    readonly p50: number | null;
    readonly p95: number | null;
    readonly p99: number | null;
  };
  readonly activeAccounts: number;
  readonly nodes: readonly NodeFigures[];
}

const LATENCY = 'paygate_processing_duration_seconds';
const DECIDED = 'paygate_transactions_processed_total';

/** What a node's process showed last. */
interface Reading {
  readonly run: number;
  readonly samples: readonly Sample[];
  readonly decidedPerSecond: number;
}

interface Totals {
  readonly atMs: number;
  readonly decided: number;
  readonly latency: ReadonlyMap<number, number>;
}

/** What a node says at its admin address. */
export type ReadExposition = (address: string) => Promise<string>;

async function scrape(address: string): Promise<string> {
  const response = await fetch(new URL('/metrics', address), { signal: AbortSignal.timeout(5_000) });
  if (!response.ok) throw new Error(`${address}/metrics answered ${String(response.status)}`);
  return response.text();
}

const perSecond = (count: number, ms: number): number => Math.max(0, (count * 1_000) / Math.max(1, ms));

/**
 * Reads the nodes' metrics and turns counters into rates.
 *
 * Owns the reading before, and what the ended processes of each node had counted.
 * F1. No sum of counters goes down: a process that is gone counts as it was last seen.
 */
export class FigureReader {
  readonly #nodes: readonly WatchedNode[];
  readonly #scrape: ReadExposition;
  readonly #last = new Map<string, Reading>();
  /** Counters of the processes before the present ones. */
  #past: readonly Sample[] = [];
  #before: Totals = { atMs: Date.now(), decided: 0, latency: new Map() };

  constructor(nodes: readonly WatchedNode[], readExposition: ReadExposition = scrape) {
    this.#nodes = nodes;
    this.#scrape = readExposition;
  }

  /** A node that does not answer is shown as it was last seen. */
  async read(): Promise<Figures> {
    // A node may be killed and started again while it is asked.
    const asked = this.#nodes.map(({ nodeId, run, address }) => ({ nodeId, run, address }));
    const answers = await Promise.allSettled(
      asked.map(async ({ address }) => (address === null ? null : this.#scrape(address))),
    );
    const atMs = Date.now();
    for (const [index, { nodeId, run }] of asked.entries()) {
      const answer = answers[index];
      if (answer?.status !== 'fulfilled' || answer.value === null) continue;
      this.#note(nodeId, run, parseExposition(answer.value), atMs);
    }
    return this.#figures(this.#nodes, atMs);
  }

  #note(nodeId: string, run: number, samples: readonly Sample[], atMs: number): void {
    const before = this.#last.get(nodeId);
    if (before !== undefined && before.run > run) return;
    const sameRun = before?.run === run ? before.samples : [];
    if (before !== undefined && before.run < run) this.#past = addSamples(this.#past, before.samples);
    const decided = total(samples, DECIDED) - total(sameRun, DECIDED);
    this.#last.set(nodeId, {
      run,
      samples,
      decidedPerSecond: perSecond(decided, atMs - this.#before.atMs),
    });
  }

  #figures(nodes: readonly WatchedNode[], atMs: number): Figures {
    const counted = [...this.#past, ...[...this.#last.values()].flatMap(({ samples }) => samples)];
    const decided = total(counted, DECIDED);
    const latency = buckets(counted, LATENCY);
    const before = this.#before;
    this.#before = { atMs, decided, latency };
    const ms = (q: number): number | null => {
      const seconds = quantile(before.latency, latency, q);
      return seconds === null ? null : seconds * 1_000;
    };
    return {
      received: total(counted, 'paygate_messages_received_total'),
      approved: total(counted, DECIDED, { outcome: 'APPROVED' }),
      rejected: total(counted, DECIDED, { outcome: 'REJECTED' }),
      duplicates: total(counted, 'paygate_transactions_repeated_total'),
      deferred: total(counted, 'paygate_deferrals_total'),
      deadLettered: total(counted, 'paygate_dead_letters_total'),
      flagged: total(counted, 'paygate_rule_matches_total', { action: 'flag' }),
      decidedPerSecond: perSecond(decided - before.decided, atMs - before.atMs),
      latencyMs: { p50: ms(0.5), p95: ms(0.95), p99: ms(0.99) },
      activeAccounts: nodes.reduce((sum, node) => sum + this.#now(node, 'paygate_active_accounts'), 0),
      nodes: nodes.map((node) => this.#figuresOf(node)),
    };
  }

  #figuresOf(node: WatchedNode): NodeFigures {
    const { nodeId, state, run } = node;
    return {
      nodeId,
      state,
      restarts: run - 1,
      shards: this.#now(node, 'paygate_shards', { state: 'owned' }),
      decidedPerSecond: this.#present(node)?.decidedPerSecond ?? 0,
      residentMegabytes: this.#now(node, 'process_resident_memory_bytes') / 1_000_000,
    };
  }

  /** What a node shows of itself at present; 0 while it is not up. */
  #now(node: WatchedNode, name: string, labels: Readonly<Record<string, string>> = {}): number {
    return total(this.#present(node)?.samples ?? [], name, labels);
  }

  #present({ nodeId, run, state }: WatchedNode): Reading | null {
    const last = this.#last.get(nodeId);
    return state === 'up' && last?.run === run ? last : null;
  }
}
