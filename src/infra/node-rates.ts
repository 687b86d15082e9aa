import type { Clock } from '../ports/runtime.ts';
import { quantileSeconds } from './latency-counts.ts';
import type { FigureTotals } from './node-figures.ts';

/** What happened in a stretch of time. */
export interface Rates {
  /** How long it was. */
  readonly seconds: number;
  readonly received: number;
  readonly approved: number;
  readonly rejected: number;
  readonly repeated: number;
  readonly deferred: number;
  readonly deadLettered: number;
  readonly settled: number;
  readonly decidedPerSecond: number;
  readonly commits: number;
  /** On average; null: there was no commit. */
  readonly commandsPerCommit: number | null;
  /** From receipt to acknowledgement; null: nothing was settled. */
  readonly latencySeconds: { readonly p50: number; readonly p95: number; readonly p99: number } | null;
  /** Mean of the cache writes; null: there was none. */
  readonly cacheWriteSeconds: number | null;
}

interface Sample {
  readonly atMs: number;
  readonly totals: FigureTotals;
}

const SAMPLE_MS = 1_000;
/** A minute, and one to count from. */
const SAMPLES_MAX = 61;

/** Remembers the totals of the last minute, second by second, and says what happened between. */
export class NodeRates {
  readonly #totals: () => FigureTotals;
  readonly #clock: Clock;
  #samples: Sample[] = [];
  #cancel: () => void = () => undefined;

  constructor(totals: () => FigureTotals, clock: Clock) {
    this.#totals = totals;
    this.#clock = clock;
  }

  start(): void {
    this.#samples = [...this.#samples, this.#sample()].slice(-SAMPLES_MAX);
    this.#cancel = this.#clock.after(SAMPLE_MS, () => this.start());
  }

  stop(): void {
    this.#cancel();
  }

  /** Of about the last `windowMs`, at most a minute, less after a start. */
  over(windowMs: number): Rates {
    const now = this.#sample();
    const from = this.#samples.find(({ atMs }) => atMs >= now.atMs - windowMs);
    return ratesBetween(from ?? this.#samples.at(-1) ?? now, now);
  }

  #sample(): Sample {
    return { atMs: this.#clock.now(), totals: this.#totals() };
  }
}

function ratesBetween(from: Sample, to: Sample): Rates {
  const since = (name: Exclude<keyof FigureTotals, 'latencies'>): number =>
    to.totals[name] - from.totals[name];
  const seconds = Math.max(0, to.atMs - from.atMs) / 1_000;
  const decided = since('approved') + since('rejected');
  const latencies = to.totals.latencies.map((count, bucket) => count - (from.totals.latencies[bucket] ?? 0));
  const [p50, p95, p99] = [0.5, 0.95, 0.99].map((quantile) => quantileSeconds(latencies, quantile));
  return {
    seconds,
    received: since('received'),
    approved: since('approved'),
    rejected: since('rejected'),
    repeated: since('repeated'),
    deferred: since('deferred'),
    deadLettered: since('deadLettered'),
    settled: since('settled'),
    decidedPerSecond: seconds === 0 ? 0 : decided / seconds,
    commits: since('commits'),
    commandsPerCommit: mean(since('commitCommands'), since('commits')),
    latencySeconds: p50 == null || p95 == null || p99 == null ? null : { p50, p95, p99 },
    cacheWriteSeconds: mean(since('cacheWriteSeconds'), since('cacheWrites')),
  };
}

function mean(sum: number, count: number): number | null {
  return count === 0 ? null : sum / count;
}
