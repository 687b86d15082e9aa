import {
  addSamples,
  buckets,
  parseExposition,
  quantile,
  type Sample,
} from '../../src/cli/demo/exposition.ts';
import type { Figures } from '../figures.ts';
import { percentilesOf } from '../statistics/percentiles.ts';
import type { Observer, PacedScene } from './measure-paced.ts';
import { ReadableWatch } from './readable-watch.ts';

interface Decision {
  readonly transactionId: string;
  readonly accountId: string;
  readonly seq: number;
  readonly decidedMs: number;
}

const DECISIONS = `
  select transaction_id as "transactionId", account_id as "accountId", seq::int as seq,
         (extract(epoch from decided_at) * 1000)::float8 as "decidedMs"
    from processor.journal where account_id = any ($1::uuid[])`;

/**
 * How long transactions take, from the moment at which each was due to be published.
 *
 * To the commit: the time that the commit function writes into the journal. The rest of that call (its other rows, the flush to disk, the answer)
 * is not in it; how long whole calls took is told beside it, and a commit is on disk at most so much later. To the balance: see `ReadableWatch`.
 */
export class LatencyWatch implements Observer {
  readonly #scene: PacedScene;
  readonly #readable: ReadableWatch;
  readonly #dueMs = new Map<string, number>();
  #commitsBefore: Promise<readonly Sample[]> = Promise.resolve([]);
  #commitsAfter: Promise<readonly Sample[]> = Promise.resolve([]);

  constructor(scene: PacedScene) {
    this.#scene = scene;
    this.#readable = new ReadableWatch(scene.run.place.redis, scene.clock, scene.seqs);
  }

  onSent(operation: Parameters<NonNullable<Observer['onSent']>>[0], index: number): void {
    if (operation.kind !== 'transaction') throw new Error('only transactions are measured');
    const { schedule, firstMeasured } = this.#scene;
    this.#readable.await(operation.command.accountId);
    if (index >= firstMeasured) this.#dueMs.set(operation.command.transactionId, schedule.dueMs(index));
  }

  begin(): void {
    this.#commitsBefore = this.#samples();
  }

  end(): void {
    this.#commitsAfter = this.#samples();
  }

  async figures(): Promise<Figures> {
    await this.#readable.close();
    const { run, seqs } = this.#scene;
    const { rows } = await run.place.pool.query<Decision>(DECISIONS, [[...seqs.keys()]]);
    const commitMs: number[] = [];
    const readableMs: number[] = [];
    for (const { transactionId, accountId, seq, decidedMs } of rows) {
      const dueMs = this.#dueMs.get(transactionId);
      if (dueMs === undefined) continue;
      const seenMs = this.#readable.readableMs(accountId, seq);
      if (seenMs === null) throw new Error(`the balance of account ${accountId} was never seen in Redis`);
      if (decidedMs < dueMs || seenMs < decidedMs)
        throw new Error(
          `something was decided ${(decidedMs - dueMs).toFixed(3)} ms after it was due, and read ${(seenMs - decidedMs).toFixed(3)} ms after that: the clocks disagree`,
        );
      commitMs.push(decidedMs - dueMs);
      readableMs.push(seenMs - dueMs);
    }
    if (commitMs.length !== this.#dueMs.size)
      throw new Error(`${commitMs.length} of ${this.#dueMs.size} transactions were decided`);
    return { ...commitFigures(commitMs), ...readableFigures(readableMs), ...(await this.#commitCalls()) };
  }

  close(): void {
    this.#readable.close().catch(() => undefined);
  }

  async #commitCalls(): Promise<Figures> {
    const name = 'paygate_commit_duration_seconds';
    const [before, after] = await Promise.all([this.#commitsBefore, this.#commitsAfter]);
    const p99 = quantile(buckets(before, name), buckets(after, name), 0.99);
    return p99 === null ? {} : { commitCallP99Ms: p99 * 1_000 };
  }

  async #samples(): Promise<readonly Sample[]> {
    const texts = await Promise.all(
      this.#scene.run.addresses.map(async (address) => (await fetch(new URL('/metrics', address))).text()),
    );
    return texts.map(parseExposition).reduce(addSamples, []);
  }
}

function commitFigures(values: readonly number[]): Figures {
  const { p50, p95, p99, p999 } = percentilesOf(values);
  return { commitP50Ms: p50, commitP95Ms: p95, commitP99Ms: p99, commitP999Ms: p999 };
}

function readableFigures(values: readonly number[]): Figures {
  const { p50, p95, p99, p999 } = percentilesOf(values);
  return { readableP50Ms: p50, readableP95Ms: p95, readableP99Ms: p99, readableP999Ms: p999 };
}
