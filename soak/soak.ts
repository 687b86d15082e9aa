import { setTimeout as sleep } from 'node:timers/promises';
import { ensureError } from '../src/domain/errors.ts';
import { SeededRandom } from '../src/drive/seeded-random.ts';
import type { ClusterScene } from '../test/cluster/support/cluster-scene.ts';
import { faultRow } from '../test/cluster/support/faults.ts';
import type { PlannedFault } from '../test/cluster/support/faults.ts';
import { progress } from '../test/cluster/support/measures.ts';
import { checkPromises } from '../test/cluster/support/promises.ts';
import { judgeLife } from './judge-growth.ts';
import type { LifeReport } from './judge-growth.ts';
import { Load } from './load.ts';
import { NodeLives } from './node-lives.ts';
import type { SoakOptions } from './options.ts';
import { clock } from './report.ts';
import type { SoakReport } from './report.ts';
import { entryOf, measurePauses } from './time-line.ts';
import type { TimeLineEntry } from './time-line.ts';

/** Whoever looks on: `step` is how far it is, `done` stays on the screen. */
export interface Watcher {
  step(text: string): void;
  done(text: string): void;
}

const NODES = ['node-1', 'node-2', 'node-3'] as const;
const CALM_MIN_MS = 4_000;
const CALM_MAX_MS = 12_000;
/** New accounts after so many faults. */
const RENEW_EVERY = 4;
/** That many decisions show that work goes on after a fault. */
const DECISIONS_AFTER = 100;
const TOLD_EVERY_MS = 10_000;
const QUIET_WITHIN_MS = 240_000;

/**
 * One run: load, fault, calm, fault, …, rest, check.
 *
 * Owns the load, the time line and what it found to be broken; not the scene. 1. The first thing that is wrong ends the load, so that
 * the time line ends where it matters. 2. Whatever a fault has broken is whole before the next, and before the check. 3. One node is never
 * killed and never told to leave, so that one process is seen growing old.
 */
export class Soak {
  readonly #scene: ClusterScene;
  readonly #options: SoakOptions;
  readonly #watcher: Watcher;
  /** Ctrl-C. */
  readonly #interrupted: AbortSignal;
  /** Ctrl-C, the time is over, or something is wrong. */
  readonly #over = new AbortController();
  /** When the load began. */
  #startedAtMs = 0;
  readonly #faults: TimeLineEntry[] = [];
  readonly #broken: string[] = [];

  constructor(scene: ClusterScene, options: SoakOptions, watcher: Watcher, interrupted: AbortSignal) {
    this.#scene = scene;
    this.#options = options;
    this.#watcher = watcher;
    this.#interrupted = interrupted;
    interrupted.addEventListener('abort', () => this.#over.abort(), { once: true });
    if (interrupted.aborted) this.#over.abort();
  }

  async run(): Promise<SoakReport> {
    const { seed, minutes } = this.#options;
    const load = new Load(this.#scene.producer, this.#options, (error) =>
      this.#found(`the load ended by itself: ${error.message}`),
    );
    await this.#scene.start(...NODES);
    await this.#scene.settled();
    this.#watcher.done(`three nodes are at work; seed ${seed}`);
    this.#startedAtMs = Date.now();
    const lives = new NodeLives(this.#scene.nodes, this.#startedAtMs, ({ nodeId, code }) => {
      this.#scene.nodes.delete(nodeId);
      this.#found(`${nodeId} ended by itself (exit code ${code ?? 'none'})`);
    });
    const end = setTimeout(() => this.#over.abort(), minutes * 60_000);
    const telling = this.#tell();
    await this.#renew(load);
    await this.#rounds(load, lives);
    clearTimeout(end);
    const loaded = { ended: this.#ended(), seconds: Math.round(this.#elapsedMs() / 1_000) };
    await telling;
    this.#watcher.step('the load ends');
    await load.stop();
    return this.#check(lives, loaded);
  }

  async #rounds(load: Load, lives: NodeLives): Promise<void> {
    const random = new SeededRandom(`${this.#options.seed}/faults`);
    const veteran = random.below(NODES.length);
    const mortals = NODES.filter((_, index) => index !== veteran);
    const faults = faultRow(random, { nodes: NODES, mortals }, this.#options.faults);
    const calm = new SeededRandom(`${this.#options.seed}/calm`);
    for (;;) {
      await this.#hold(CALM_MIN_MS + calm.below(CALM_MAX_MS - CALM_MIN_MS));
      if (this.#over.signal.aborted) return;
      if (this.#faults.length > 0 && this.#faults.length % RENEW_EVERY === 0) await this.#renew(load);
      await this.#strike(faults.next().value, lives);
    }
  }

  /** In the calm, when all servers are there. */
  async #renew(load: Load): Promise<void> {
    try {
      await load.renew();
    } catch (error) {
      this.#found(`no new accounts: ${ensureError(error).message}`);
    }
  }

  async #strike(fault: PlannedFault, lives: NodeLives): Promise<void> {
    const entry = entryOf(fault, this.#elapsedMs());
    const sinceMs = (): number => this.#elapsedMs() - entry.atMs;
    this.#faults.push(entry);
    this.#watcher.done(`${clock(entry.atMs)}  ${this.#faults.length}. ${fault.what}`);
    try {
      await fault.happen(this.#scene, (delayMs) => this.#hold(delayMs));
      entry.overAfterMs = sinceMs();
    } catch (error) {
      this.#found(`${fault.what}: ${ensureError(error).message}`);
      await this.#mend();
    }
    try {
      await this.#scene.start(...NODES.filter((nodeId) => !this.#scene.nodes.has(nodeId)));
      lives.watch();
      await progress(this.#scene, DECISIONS_AFTER);
      await this.#scene.settled();
      entry.settledAfterMs = sinceMs();
    } catch (error) {
      this.#found(`no calm after "${fault.what}": ${ensureError(error).message}`);
    }
  }

  /** After a fault that failed half-way. */
  async #mend(): Promise<void> {
    const { postgres, rabbitmq, redis } = this.#scene.servers;
    await Promise.all([postgres.start(), rabbitmq.start(), redis.start()]);
    for (const node of this.#scene.nodes.values()) node.thaw();
    for (const nodeId of NODES) for (const link of Object.values(this.#scene.linksOf(nodeId))) link.heal();
  }

  async #check(lives: NodeLives, loaded: Pick<SoakReport, 'ended' | 'seconds'>): Promise<SoakReport> {
    this.#watcher.step('waiting until nothing is left to do, then checking the promises');
    // Redis was flushed, or lost its last second, in nearly every run.
    const { broken, ...checked } = await checkPromises(this.#scene, {
      cache: 'partial',
      timeoutMs: QUIET_WITHIN_MS,
    });
    this.#broken.push(...broken);
    await lives.stop();
    const reports = lives.lives.map(judgeLife);
    this.#broken.push(...reports.flatMap(growing));
    const longestPauseMs = await measurePauses(this.#scene.pool, this.#faults, this.#startedAtMs);
    await this.#leave();
    const { seed, ratePerSecond } = this.#options;
    return {
      seed,
      startedAt: new Date(this.#startedAtMs).toISOString(),
      ...loaded,
      ratePerSecond,
      sent: this.#scene.producer.sent.length,
      poison: this.#scene.producer.poison.size,
      checked,
      longestPauseMs,
      faults: this.#faults,
      lives: reports,
      broken: this.#broken,
    };
  }

  #ended(): SoakReport['ended'] {
    if (this.#interrupted.aborted) return 'interrupted';
    return this.#broken.length > 0 ? 'broken' : 'complete';
  }

  /** The last drain of each, one after the other. */
  async #leave(): Promise<void> {
    for (const nodeId of [...this.#scene.nodes.keys()])
      await this.#scene
        .leave(nodeId)
        .catch((error: unknown) => void this.#broken.push(ensureError(error).message));
  }

  #found(what: string): void {
    const line = `${clock(this.#elapsedMs())}  ${what}`;
    this.#broken.push(line);
    this.#watcher.done(`broken: ${line}`);
    this.#over.abort();
  }

  async #tell(): Promise<void> {
    while (!this.#over.signal.aborted) {
      await this.#hold(TOLD_EVERY_MS);
      const decided = await decisions(this.#scene);
      const sent = this.#scene.producer.sent.length;
      this.#watcher.step(
        `${clock(this.#elapsedMs())} of ${clock(this.#options.minutes * 60_000)} · ${sent} sent, ${decided ?? '?'} decided · ${this.#faults.length} faults`,
      );
    }
  }

  #elapsedMs(): number {
    return Date.now() - this.#startedAtMs;
  }

  /** Waits that long, or until the run is to end. */
  async #hold(delayMs: number): Promise<void> {
    await sleep(delayMs, undefined, { signal: this.#over.signal }).catch(() => undefined);
  }
}

/** By the accounts, which are few; null while PostgreSQL is away. */
async function decisions(scene: ClusterScene): Promise<string | null> {
  try {
    const { rows } = await scene.pool.query<{ decided: string }>(
      'select coalesce(sum(seq), 0)::text as decided from processor.accounts',
    );
    return rows[0]?.decided ?? null;
  } catch {
    return null;
  }
}

function growing({ nodeId, pid, growths }: LifeReport): readonly string[] {
  return growths
    .filter(({ verdict }) => verdict === 'grows')
    .map(
      ({ figure, unit, second, last, perHour }) =>
        `${nodeId} (pid ${pid}) grows: ${figure} ${second.toFixed(1)} → ${last.toFixed(1)} ${unit}, ${perHour.toFixed(0)} ${unit} per hour`,
    );
}
