import { buckets, parseExposition, quantile, total, type Sample } from './exposition.ts';

/** One reading of a running cluster. Durations in milliseconds. */
export interface Figures {
  readonly received: number;
  readonly approved: number;
  readonly rejected: number;
  readonly duplicates: number;
  readonly deferred: number;
  readonly deadLettered: number;
  /** Decisions per second since the reading before. */
  readonly decidedPerSecond: number;
  readonly latencyMs: {
    readonly p50: number | null;
    readonly p95: number | null;
    readonly p99: number | null;
  };
  readonly activeAccounts: number;
  readonly residentMegabytes: number;
}

const LATENCY = 'paygate_processing_duration_seconds';

async function scrape(address: string): Promise<readonly Sample[]> {
  const response = await fetch(new URL('/metrics', address), { signal: AbortSignal.timeout(5_000) });
  if (!response.ok) throw new Error(`${address}/metrics answered ${String(response.status)}`);
  return parseExposition(await response.text());
}

/** Reads the nodes' metrics and turns counters into rates. Owns the reading before. */
export class FigureReader {
  private readonly addresses: () => readonly string[];
  private before: {
    readonly atMs: number;
    readonly decided: number;
    readonly latency: ReadonlyMap<number, number>;
  };

  constructor(addresses: () => readonly string[]) {
    this.addresses = addresses;
    this.before = { atMs: Date.now(), decided: 0, latency: new Map() };
  }

  /** Nodes that do not answer are left out of this reading. */
  async read(): Promise<Figures> {
    const answers = await Promise.allSettled(this.addresses().map(scrape));
    const samples = answers.flatMap((answer) => (answer.status === 'fulfilled' ? answer.value : []));
    const decided = total(samples, 'paygate_transactions_processed_total');
    const latency = buckets(samples, LATENCY);
    const before = this.before;
    const atMs = Date.now();
    this.before = { atMs, decided, latency };
    const ms = (q: number): number | null => {
      const seconds = quantile(before.latency, latency, q);
      return seconds === null ? null : seconds * 1_000;
    };
    return {
      received: total(samples, 'paygate_messages_received_total'),
      approved: total(samples, 'paygate_transactions_processed_total', { outcome: 'APPROVED' }),
      rejected: total(samples, 'paygate_transactions_processed_total', { outcome: 'REJECTED' }),
      duplicates: total(samples, 'paygate_transactions_repeated_total'),
      deferred: total(samples, 'paygate_deferrals_total'),
      deadLettered: total(samples, 'paygate_dead_letters_total'),
      decidedPerSecond: Math.max(0, ((decided - before.decided) * 1_000) / Math.max(1, atMs - before.atMs)),
      latencyMs: { p50: ms(0.5), p95: ms(0.95), p99: ms(0.99) },
      activeAccounts: total(samples, 'paygate_active_accounts'),
      residentMegabytes: total(samples, 'process_resident_memory_bytes') / 1_000_000,
    };
  }
}
