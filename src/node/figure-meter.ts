import { monitorEventLoopDelay } from 'node:perf_hooks';
import { LATENCY_BUCKETS_MS } from '../contracts/console.ts';
import type { NodeFigures, NodeSample } from '../contracts/console.ts';
import { bucketEndSeconds } from '../infra/latency-counts.ts';
import type { FigureTotals } from '../infra/node-figures.ts';
import type { FigureBoard } from '../infra/redis/figure-board.ts';
import { LIMITS } from '../limits.ts';
import type { Clock, Logger } from '../ports/runtime.ts';
import { mailboxTotals, surveyAccounts } from '../supervisor/mailbox-survey.ts';
import type { NodeIdentity } from './identity.ts';
import type { NodeParts } from './node-parts.ts';

export interface FigureMeterOptions {
  readonly identity: NodeIdentity;
  readonly totals: () => FigureTotals;
  readonly parts: () => NodeParts | null;
  readonly status: () => string;
  readonly board: FigureBoard;
  readonly clock: Clock;
  readonly logger: Logger;
}

const LOOP_RESOLUTION_MS = 50;

/**
 * Once a second, on the second: what this node did and how it is, laid out for the consoles of all nodes.
 *
 * Owns the last minutes of this node. Accounts are looked at one by one for their mailboxes only; the lists are made while
 * somebody watches.
 */
export class FigureMeter {
  readonly #options: FigureMeterOptions;
  readonly #loop = monitorEventLoopDelay({ resolution: LOOP_RESOLUTION_MS });
  readonly #past: NodeSample[] = [];
  #latest: NodeFigures | null = null;
  #totals: FigureTotals | null = null;
  #cpu = process.cpuUsage();
  #measuredAtMs = 0;
  #audience: 'watched' | 'unwatched' = 'unwatched';
  #cancel: () => void = () => undefined;

  constructor(options: FigureMeterOptions) {
    this.#options = options;
  }

  /** null before the first second. */
  get latest(): NodeFigures | null {
    return this.#latest;
  }

  /** The last minutes, newest first. */
  get past(): readonly NodeSample[] {
    return this.#past;
  }

  start(): void {
    this.#loop.enable();
    this.#measuredAtMs = performance.now();
    this.#next();
  }

  stop(): void {
    this.#cancel();
    this.#loop.disable();
  }

  /** Somebody watches here: the lists come with the next second also while Redis is away. */
  noteWatched(): void {
    this.#audience = 'watched';
  }

  #next(): void {
    const { clock } = this.#options;
    this.#cancel = clock.after(1_000 - (clock.now() % 1_000), () => {
      this.#next();
      void this.#measureAndTell();
    });
  }

  async #measureAndTell(): Promise<void> {
    const { board, logger } = this.#options;
    try {
      const figures = this.#measure();
      this.#latest = figures;
      this.#past.unshift(figures.sample);
      this.#past.length = Math.min(this.#past.length, LIMITS.figureSecondsMax);
      this.#audience = await board.publish(figures);
    } catch (error) {
      // Redis is away: the connection's own log says so.
      this.#audience = 'unwatched';
      logger.debug({ err: error }, 'our figures were not laid out');
    }
  }

  #measure(): NodeFigures {
    const { identity, parts, status, clock } = this.#options;
    const nowMs = clock.now();
    const elapsedMs = Math.max(1, performance.now() - this.#measuredAtMs);
    this.#measuredAtMs += elapsedMs;
    const region = parts()?.supervision.region;
    const mailboxes = mailboxTotals(region?.actors ?? [], nowMs);
    const cpu = process.cpuUsage(this.#cpu);
    this.#cpu = process.cpuUsage();
    const loopP99Ms = Math.max(0, this.#loop.percentile(99) / 1e6 - LOOP_RESOLUTION_MS);
    this.#loop.reset();
    return {
      nodeId: identity.nodeId,
      incarnation: identity.incarnation,
      status: status(),
      dependencies: parts()?.probe.dependencies() ?? {},
      uptimeSeconds: Math.floor(process.uptime()),
      cpuPercent: rounded((cpu.user + cpu.system) / 10 / elapsedMs),
      residentBytes: process.memoryUsage.rss(),
      loopP99Ms: rounded(loopP99Ms),
      accounts: region?.activeCount ?? 0,
      inFlight: parts()?.supervision.inFlight.count ?? 0,
      mailboxTotal: mailboxes.total,
      mailboxMax: mailboxes.max,
      survey: this.#audience === 'watched' ? surveyAccounts(region?.actors ?? [], nowMs) : null,
      sample: this.#sample(Math.round(nowMs / 1_000), elapsedMs / 1_000, mailboxes.oldestMs),
    };
  }

  #sample(second: number, elapsedSeconds: number, mailboxAgeMs: number): NodeSample {
    const now = this.#options.totals();
    const before = this.#totals ?? now;
    this.#totals = now;
    const perSecond = (name: 'received' | 'approved' | 'rejected' | 'deferred' | 'deadLettered'): number =>
      rounded((now[name] - before[name]) / elapsedSeconds);
    return {
      second,
      received: perSecond('received'),
      approved: perSecond('approved'),
      rejected: perSecond('rejected'),
      retried: perSecond('deferred'),
      deadLettered: perSecond('deadLettered'),
      latency: bucketsOf(now.latencies, before.latencies),
      commits: now.commits - before.commits,
      committed: now.commitCommands - before.commitCommands,
      mailboxAgeMs: Math.round(mailboxAgeMs),
    };
  }
}

/** What came between two readings, in the wider buckets of the console. */
function bucketsOf(now: readonly number[], before: readonly number[]): readonly number[] {
  const wide = Array.from({ length: LATENCY_BUCKETS_MS.length + 1 }, () => 0);
  for (const [index, count] of now.entries()) {
    const place = LATENCY_BUCKETS_MS.findIndex((endMs) => bucketEndSeconds(index) * 1_000 <= endMs);
    const bucket = place < 0 ? LATENCY_BUCKETS_MS.length : place;
    wide[bucket] = (wide[bucket] ?? 0) + count - (before[index] ?? 0);
  }
  return wide;
}

const rounded = (value: number): number => Math.round(value * 10) / 10;
