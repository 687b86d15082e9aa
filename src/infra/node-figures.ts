import type { Metrics } from '../ports/runtime.ts';
import { LatencyCounts } from './latency-counts.ts';

/** Everything counted since the node started. */
export interface FigureTotals {
  readonly received: number;
  readonly approved: number;
  readonly rejected: number;
  readonly repeated: number;
  readonly deferred: number;
  readonly deadLettered: number;
  readonly settled: number;
  readonly commits: number;
  readonly commitCommands: number;
  readonly cacheWrites: number;
  /** Summed over the writes. */
  readonly cacheWriteSeconds: number;
  /** From receipt to acknowledgement, by bucket of `LatencyCounts`. */
  readonly latencies: readonly number[];
}

type Count = Exclude<keyof FigureTotals, 'latencies'>;

/**
 * The few totals that the node itself looks at (rates in the log, `/healthz`, the console), in plain numbers; everything is handed
 * on to `next`. They are there also where the metrics are switched off.
 */
export class NodeFigures implements Metrics {
  readonly #next: Metrics | null;
  readonly #latencies = new LatencyCounts();
  readonly #depths = new Map<string, number>();
  readonly #counts: Record<Count, number> = {
    received: 0,
    approved: 0,
    rejected: 0,
    repeated: 0,
    deferred: 0,
    deadLettered: 0,
    settled: 0,
    commits: 0,
    commitCommands: 0,
    cacheWrites: 0,
    cacheWriteSeconds: 0,
  };

  constructor(next: Metrics | null) {
    this.#next = next;
  }

  totals(): FigureTotals {
    return { ...this.#counts, latencies: this.#latencies.copy() };
  }

  /** Messages ready, by queue, as last seen. */
  queueDepths(): ReadonlyMap<string, number> {
    return this.#depths;
  }

  received(queue: string, count: number): void {
    this.#counts.received += count;
    this.#next?.received(queue, count);
  }

  decided(type: string, outcome: string, count: number): void {
    this.#counts[outcome === 'APPROVED' ? 'approved' : 'rejected'] += count;
    this.#next?.decided(type, outcome, count);
  }

  repeated(kind: 'already_decided' | 'same_key', count: number): void {
    this.#counts.repeated += count;
    this.#next?.repeated(kind, count);
  }

  deferred(code: string): void {
    this.#counts.deferred += 1;
    this.#next?.deferred(code);
  }

  deadLettered(code: string): void {
    this.#counts.deadLettered += 1;
    this.#next?.deadLettered(code);
  }

  settled(durationSeconds: number): void {
    this.#counts.settled += 1;
    this.#latencies.add(durationSeconds);
    this.#next?.settled(durationSeconds);
  }

  commit(commands: number, durationSeconds: number): void {
    this.#counts.commits += 1;
    this.#counts.commitCommands += commands;
    this.#next?.commit(commands, durationSeconds);
  }

  commitFailed(kind: string): void {
    this.#next?.commitFailed(kind);
  }

  fenced(shards: number): void {
    this.#next?.fenced(shards);
  }

  actorStopped(reason: string): void {
    this.#next?.actorStopped(reason);
  }

  cacheWritten(count: number, durationSeconds: number): void {
    this.#counts.cacheWrites += 1;
    this.#counts.cacheWriteSeconds += durationSeconds;
    this.#next?.cacheWritten(count, durationSeconds);
  }

  cacheFailed(count: number): void {
    this.#next?.cacheFailed(count);
  }

  queueDepth(queue: string, messages: number): void {
    this.#depths.set(queue, messages);
    this.#next?.queueDepth(queue, messages);
  }

  ruleMatched(...match: Parameters<Metrics['ruleMatched']>): void {
    this.#next?.ruleMatched(...match);
  }

  eventsPublished(type: string, count: number): void {
    this.#next?.eventsPublished(type, count);
  }

  eventsFailed(count: number): void {
    this.#next?.eventsFailed(count);
  }

  webhook(result: 'delivered' | 'failed' | 'given_up'): void {
    this.#next?.webhook(result);
  }

  swept(result: 'driven' | 'invalid' | 'target_unknown', count: number): void {
    this.#next?.swept(result, count);
  }

  sealed(count: number): void {
    this.#next?.sealed(count);
  }

  forwardEnded(): void {
    this.#next?.forwardEnded();
  }

  shardsTaken(count: number): void {
    this.#next?.shardsTaken(count);
  }

  shardHandedOff(): void {
    this.#next?.shardHandedOff();
  }

  shardLost(): void {
    this.#next?.shardLost();
  }
}
