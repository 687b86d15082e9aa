import type { PendingRow } from '../../contracts/live-body.ts';
import type { InboundQueue } from '../../contracts/queues.ts';
import { LIMITS } from '../../limits.ts';
import type { Clock, Logger, Metrics } from '../../ports/runtime.ts';
import type { SweepPage, SweepStore, SweepTurn } from '../../ports/sweep.ts';
import type { Origin } from '../command-envelope.ts';
import type { Ingest } from '../ingest.ts';
import { horizonMs } from './horizon.ts';
import { LatelyDriven } from './lately-driven.ts';
import { readRow, SWEPT_QUEUE } from './read-row.ts';
import { invalidRowLetter, targetUnknownLetter } from './row-letters.ts';
import { SweepWindow } from './sweep-window.ts';
import type { SweepBounds } from './sweep-window.ts';

/** What the sweeper asks of the reader of `transactions_queue`. */
export interface SweptIntake {
  /** Whether this node reads the queue at the moment. */
  isReading(): boolean;
  /** Messages ready, by what they count as. Rejects while the broker cannot be asked. */
  depths(): Promise<ReadonlyMap<InboundQueue, number>>;
  /** Whether messages that count as of `transactions_queue` come by further queues as well: which of them came last is not known here. */
  readonly partitioned?: boolean;
}

export interface SweeperOptions {
  readonly store: SweepStore;
  readonly intake: SweptIntake;
  readonly ingest: Pick<Ingest, 'sweep' | 'giveUpRow' | 'isAtWork' | 'newestDeliveredAt'>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Pick<Metrics, 'swept'>;
  readonly ageMinMs: number;
  readonly ageMaxMs: number;
  readonly pollMs: number;
}

/** By these a refund may come whose row is found: its target is unknown only while they are empty. */
const QUEUES_OF_REFUNDS: readonly InboundQueue[] = [SWEPT_QUEUE, 'refund_queue', 'retry_queue'];

/**
 * Drives transactions whose message was lost: rows that stay `PENDING` though nothing takes care of them.
 *
 * Owns the ids of the rows that are on the road, and up to where has been looked.
 * W1. One sweeper in the cluster: the node that reads `transactions_queue`, and only with the turn of the store.
 * W2. A row is on the road at most once from here, and never while a delivery of it is at work on this node.
 * W3. No row is driven whose message may still wait in the queue: see `horizonMs`.
 * W4. Rows go on the road oldest first, in one go, by the same router as what the queue delivers: behind those deliveries of
 *     their account that are still at work, and never one of them past an older one.
 * W5. A refund without a target is not driven. Its letter is written when it was seen twice, `ageMinMs` apart: its
 *     message may be at work on a node that reads another queue.
 * W6. Bounded: rows on the road, rows looked at in a round. While the road is full nothing is looked for.
 */
export class Sweeper {
  readonly #options: SweeperOptions;
  readonly #onRoad = new Map<string, number>();
  readonly #lately: LatelyDriven;
  /** Refunds without a target: since when they are known. */
  readonly #targetless = new Map<string, number>();
  #window: SweepWindow | null = null;
  #phase: 'stopped' | 'waiting' | 'sweeping' = 'stopped';
  /** The road was filled: there is more, to be fetched as soon as half of it is free. */
  #more: 'none' | 'waiting' = 'none';
  #failures = 0;
  #round: Promise<void> = Promise.resolve();
  #cancel: () => void = () => undefined;

  constructor(options: SweeperOptions) {
    this.#options = options;
    this.#lately = new LatelyDriven({
      restMs: options.ageMinMs,
      restMsMax: LIMITS.sweepRestMsMax,
      rowsMax: LIMITS.sweepRestingMax,
    });
  }

  get onRoad(): number {
    return this.#onRoad.size;
  }

  /** Age of the oldest row on the road, 0: none is. */
  oldestAgeMs(): number {
    const oldestMs = Math.min(...this.#onRoad.values());
    return Number.isFinite(oldestMs) ? Math.max(0, this.#options.clock.now() - oldestMs) : 0;
  }

  start(): void {
    if (this.#phase !== 'stopped') throw new Error('it sweeps already');
    this.#phase = 'waiting';
    this.#schedule(0);
  }

  /** Nothing new is put on the road; resolves when the turn is given back. */
  async stop(): Promise<void> {
    this.#phase = 'stopped';
    this.#cancel();
    await this.#round;
    await this.#options.store.release();
  }

  #schedule(delayMs: number): void {
    this.#cancel();
    this.#cancel = this.#options.clock.after(delayMs, () => {
      this.#phase = 'sweeping';
      this.#round = this.#sweep();
    });
  }

  async #sweep(): Promise<void> {
    try {
      this.#more = 'none';
      await this.#sweepOnce();
      this.#failures = 0;
    } catch (error) {
      this.#failures += 1;
      this.#window = null;
      this.#options.logger.warn({ err: error }, 'lost messages could not be looked for, later again');
    }
    if (this.#isStopped()) return;
    this.#phase = 'waiting';
    const { pollMs } = this.#options;
    this.#schedule(Math.min(pollMs * 2 ** this.#failures, Math.max(pollMs, LIMITS.sweepPauseMsMax)));
    this.#fetchMore();
  }

  async #sweepOnce(): Promise<void> {
    const { store, intake } = this.#options;
    if (!intake.isReading()) {
      this.#window = null;
      await store.release();
      return;
    }
    const turn = await store.begin();
    if (turn === null) {
      this.#window = null;
      return;
    }
    this.#window ??= this.#openWindow(turn);
    const depths = await intake.depths();
    const horizon = this.#horizonMs(turn, depths);
    if (horizon === null) return;
    await this.#driveOrdered(horizon);
    await this.#driveFound(this.#window, {
      oldestMs: turn.nowMs - this.#options.ageMaxMs,
      horizonMs: horizon,
    });
    if (QUEUES_OF_REFUNDS.every((queue) => (depths.get(queue) ?? 0) === 0)) await this.#writeLetters();
    if (!this.#isStopped()) await store.finish(this.#markMs(this.#window, turn));
  }

  #openWindow({ nowMs, markMs }: SweepTurn): SweepWindow {
    this.#options.logger.info({ looked_to: markMs }, 'this node looks for lost messages');
    if (markMs === null) void this.#sayHowManyAreOlder(nowMs - this.#options.ageMaxMs);
    return new SweepWindow({
      markMs,
      sliceRows: LIMITS.sweepSliceRows,
      againRowsMax: LIMITS.sweepAgainRowsMax,
    });
  }

  #horizonMs({ nowMs }: SweepTurn, depths: ReadonlyMap<InboundQueue, number>): number | null {
    const { ageMinMs, ingest, intake } = this.#options;
    // Lost while the depth was read: what was ours may be in the queue again.
    if (!intake.isReading()) return null;
    const queued = depths.get(SWEPT_QUEUE) ?? 0;
    const newestDeliveredAt = intake.partitioned === true ? null : ingest.newestDeliveredAt;
    return horizonMs({ nowMs, ageMinMs, queued, newestDeliveredAt, skewMs: LIMITS.sweepSkewMs });
  }

  async #driveOrdered(horizon: number): Promise<void> {
    const room = this.#room();
    if (room === 0 || !this.#goesOn()) return;
    const { examined, rows } = await this.#options.store.ordered(horizon, this.#known(), room);
    const taken = this.#takeUp(rows);
    // Nothing taken and nothing closed: the same ones would come once more.
    if (examined >= room && (taken > 0 || rows.length < examined)) this.#more = 'waiting';
  }

  async #driveFound(window: SweepWindow, bounds: SweepBounds): Promise<void> {
    window.beginRound();
    for (let slices = 0; slices < LIMITS.sweepSlicesMax; slices += 1) {
      const slice = window.next(bounds);
      if (slice === null || !this.#goesOn()) return;
      const room = this.#room();
      if (room === 0) break;
      const page: SweepPage = await this.#options.store.look(slice, this.#known(), room);
      this.#takeUp(page.rows);
      const last = page.rows.length < room ? undefined : page.rows.at(-1);
      window.looked(slice, page.examined, last ?? null);
    }
    this.#more = 'waiting';
  }

  #known(): readonly string[] {
    return [...this.#onRoad.keys(), ...this.#targetless.keys()];
  }

  /** Gives how many of them something is done about. */
  #takeUp(rows: readonly PendingRow[]): number {
    // Nothing is put on the road any more once it is to end.
    if (!this.#goesOn()) return 0;
    const nowMs = this.#options.clock.now();
    let taken = 0;
    for (const row of rows) {
      const isTaken = this.#onRoad.has(row.id) || this.#options.ingest.isAtWork(row.id);
      if (isTaken || this.#lately.rests(row.id, nowMs)) continue;
      this.#drive(row, nowMs);
      taken += 1;
    }
    return taken;
  }

  #drive(row: PendingRow, nowMs: number): void {
    const { ingest, metrics } = this.#options;
    const read = readRow(row);
    switch (read.kind) {
      case 'command':
        metrics.swept('driven', 1);
        ingest.sweep(read.command, this.#claim(row, read.body));
        break;
      case 'invalid':
        metrics.swept('invalid', 1);
        ingest.giveUpRow(invalidRowLetter(row, read.body, read.detail), this.#claim(row, read.body));
        break;
      case 'target-unknown':
        // Ordered by an operator: no message of that age is at work any more.
        if (nowMs - Date.parse(row.createdAt) > this.#options.ageMaxMs)
          this.#giveUpTargetless(row, read.body);
        else if (this.#targetless.size < LIMITS.sweepTargetlessMax) this.#targetless.set(row.id, nowMs);
        break;
    }
  }

  /** Letters for refunds that are still where they were. */
  async #writeLetters(): Promise<void> {
    const { clock, ageMinMs, store, ingest } = this.#options;
    const dueMs = clock.now() - ageMinMs;
    const due = [...this.#targetless].filter(([, sinceMs]) => sinceMs <= dueMs).map(([id]) => id);
    const ids = due.slice(0, this.#room());
    if (ids.length === 0) return;
    const rows = await store.again(ids);
    if (!this.#goesOn()) return;
    for (const id of ids) this.#targetless.delete(id);
    for (const row of rows) {
      const read = readRow(row);
      if (read.kind !== 'target-unknown' || this.#onRoad.has(row.id) || ingest.isAtWork(row.id)) continue;
      this.#giveUpTargetless(row, read.body);
    }
  }

  #giveUpTargetless(row: PendingRow, body: Buffer): void {
    this.#options.metrics.swept('target_unknown', 1);
    this.#options.ingest.giveUpRow(targetUnknownLetter(row, body), this.#claim(row, body));
  }

  /** On the road from now on, until its outcome is durable. */
  #claim({ id, createdAt }: PendingRow, body: Buffer): Origin {
    this.#onRoad.set(id, Date.parse(createdAt));
    return {
      queue: SWEPT_QUEUE,
      body,
      // Whatever became of the delivery, a record of this message may exist already.
      redelivered: true,
      ack: () => {
        this.#onRoad.delete(id);
        this.#lately.add(id, this.#options.clock.now());
        this.#fetchMore();
      },
    };
  }

  #fetchMore(): void {
    if (this.#more === 'none' || this.#phase !== 'waiting') return;
    if (this.#onRoad.size > LIMITS.sweepOnRoadMax / 2) return;
    this.#more = 'none';
    this.#schedule(0);
  }

  #room(): number {
    return Math.max(0, LIMITS.sweepOnRoadMax - this.#onRoad.size);
  }

  /** What is on the road is looked for again by whoever comes next, and so is what was at work a while ago. */
  #markMs(window: SweepWindow, { nowMs, markMs }: SweepTurn): number {
    const oldestMs = nowMs - this.#options.ageMaxMs;
    const lookedMs = Math.max(window.frontMs, oldestMs) - LIMITS.sweepMarkOverlapMs;
    return Math.max(markMs ?? -Infinity, oldestMs, Math.min(lookedMs, ...this.#onRoad.values()));
  }

  async #sayHowManyAreOlder(beforeMs: number): Promise<void> {
    const { store, logger } = this.#options;
    try {
      const pending = await store.countOlder(beforeMs);
      if (pending === 0) return;
      const fields = { pending, created_before: new Date(beforeMs).toISOString() };
      logger.warn(
        fields,
        'PENDING transactions from long ago are left alone: see `paygate pending list`, drive them or discard them',
      );
    } catch (error) {
      logger.warn(
        { err: error },
        'PENDING transactions from long ago could not be counted: see `paygate pending`',
      );
    }
  }

  #goesOn(): boolean {
    return !this.#isStopped() && this.#options.intake.isReading();
  }

  #isStopped(): boolean {
    return this.#phase === 'stopped';
  }
}
