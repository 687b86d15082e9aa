import type pg from 'pg';
import { drive, type DriveCounts, type DriveReport } from '../../drive/drive.ts';
import { SeededRandom } from '../../drive/seeded-random.ts';
import type { Traffic } from '../../drive/traffic.ts';
import type { ReadCachedTexts } from '../../infra/redis/cache-reader.ts';
import { withCacheReader } from '../../infra/redis/cache-reader.ts';
import { printError } from '../output.ts';
import { withDriveTarget } from '../with-drive-target.ts';
import { NOTHING_BACKSTAGE, readBackstage, type Backstage } from './backstage.ts';
import { Chaos } from './chaos.ts';
import { untilDrained, type StillToDo } from './drained.ts';
import { FigureReader, type Figures } from './figures.ts';
import { createScreen, type Screen } from './screen.ts';
import type { Stage } from './stage.ts';

/** What the audience saw. */
export interface Performance {
  readonly report: DriveReport;
  readonly figures: Figures;
  /** null: everything was decided. */
  readonly left: StillToDo | null;
  /** From the first row inserted until nothing was left to do, retries and cache included. */
  readonly elapsedMs: number;
  /** From the first row inserted until 99 % of the transactions were decided; null if they never were. */
  readonly mostlyDecidedMs: number | null;
  readonly backstage: Backstage;
  /** null: nobody killed nodes. */
  readonly kills: number | null;
}

export interface PerformanceOptions {
  /** null = until the signal. */
  readonly transactions: number | null;
  readonly ratePerSecond: number;
  readonly traffic: Traffic;
  /** A node is killed so often, chosen by the seed; null: none is. */
  readonly chaos: { readonly everyMs: number; readonly seed: string } | null;
  readonly signal: AbortSignal;
}

const SHOW_EVERY_MS = 250;
const SHOWN_ACCOUNTS = 3;
const BACKLOG_MAX = 20_000;
const DRAIN_TIMEOUT_MS = 60_000;

/** Reads the figures four times a second and shows them. */
class Show {
  readonly #screen: Screen = createScreen();
  readonly #reader: FigureReader;
  readonly #options: PerformanceOptions;
  readonly #readCached: ReadCachedTexts;
  readonly #startedMs = Date.now();
  readonly #decided: { readonly atMs: number; readonly count: number }[] = [];
  readonly #events: string[] = [];
  #published = 0;
  #chaos: Chaos | null = null;
  #backstage: Backstage = NOTHING_BACKSTAGE;
  #readBackstage: () => Promise<Backstage> = () => Promise.resolve(NOTHING_BACKSTAGE);
  #timer: NodeJS.Timeout | undefined;

  constructor(stage: Stage, options: PerformanceOptions, readCached: ReadCachedTexts) {
    this.#reader = new FigureReader(stage.nodes);
    this.#options = options;
    this.#readCached = readCached;
  }

  start(): void {
    const next = (): void => {
      this.#timer = setTimeout(() => {
        void this.refresh().then(next, (error: unknown) => {
          printError(`the figures cannot be read: ${String(error)}`);
          next();
        });
      }, SHOW_EVERY_MS);
    };
    next();
  }

  published(counts: DriveCounts): void {
    this.#published = counts.messages;
  }

  get backstage(): Backstage {
    return this.#backstage;
  }

  watchBackstage(read: () => Promise<Backstage>): void {
    this.#readBackstage = read;
  }

  watchChaos(chaos: Chaos): void {
    this.#chaos = chaos;
  }

  happened(event: string): void {
    const seconds = ((Date.now() - this.#startedMs) / 1_000).toFixed(1);
    this.#events.push(`${seconds} s  ${event}`);
  }

  async refresh(): Promise<Figures> {
    const shown = this.#options.traffic.accounts.slice(0, SHOWN_ACCOUNTS).map(({ id }) => id);
    const [figures, texts, backstage] = await Promise.all([
      this.#reader.read(),
      this.#readCached('account', shown),
      this.#readBackstage(),
    ]);
    this.#backstage = backstage;
    const elapsedMs = Date.now() - this.#startedMs;
    this.#decided.push({ atMs: elapsedMs, count: figures.approved + figures.rejected });
    this.#screen.show({
      elapsedMs,
      published: this.#published,
      target: this.#options.transactions,
      figures,
      backstage,
      kills: this.#chaos?.killCount ?? null,
      events: this.#events,
      isEnding: this.#options.signal.aborted,
      balances: shown.map((accountId, index) => {
        const text = texts[index] ?? null;
        return { accountId, cents: text === null ? null : BigInt(text) };
      }),
    });
    return figures;
  }

  /** When so many were decided, to the accuracy of a reading; null = never. */
  decidedAtMs(count: number): number | null {
    return this.#decided.find((reading) => reading.count >= count)?.atMs ?? null;
  }

  end(): void {
    clearTimeout(this.#timer);
    this.#screen.end();
  }
}

function chaosOf({ nodes }: Stage, { chaos }: PerformanceOptions, show: Show): Chaos | null {
  if (chaos === null) return null;
  return new Chaos({
    nodes,
    everyMs: chaos.everyMs,
    random: new SeededRandom(`chaos ${chaos.seed}`),
    beforeKill: () => show.refresh(),
    onEvent: (event) => show.happened(event),
  });
}

async function perform(stage: Stage, options: PerformanceOptions, show: Show): Promise<Performance> {
  const startedMs = Date.now();
  return withDriveTarget(stage.config, async (api, pool: pg.Pool) => {
    const { moves: movesAtStart } = await readBackstage(pool);
    show.watchBackstage(async () => {
      const backstage = await readBackstage(pool);
      return { ...backstage, moves: backstage.moves - movesAtStart };
    });
    const chaos = chaosOf(stage, options, show);
    if (chaos !== null) show.watchChaos(chaos);
    const report = await drive(api, options.traffic, {
      transactions: options.transactions,
      ratePerSecond: options.ratePerSecond,
      backlogMax: BACKLOG_MAX,
      signal: options.signal,
      onProgress: (counts) => show.published(counts),
    });
    show.published(report);
    await chaos?.end();
    const left = await untilDrained(pool, stage.config.rabbitmqUrl, DRAIN_TIMEOUT_MS);
    const elapsedMs = Date.now() - startedMs;
    const figures = await show.refresh();
    return {
      report,
      left,
      elapsedMs,
      figures,
      mostlyDecidedMs: show.decidedAtMs(report.transactions * 0.99),
      backstage: show.backstage,
      kills: chaos?.killCount ?? null,
    };
  });
}

/** Drives the stream while showing live figures, until all is decided. */
export async function runPerformance(stage: Stage, options: PerformanceOptions): Promise<Performance> {
  return withCacheReader(stage.config.redisUrl, async (readCached) => {
    const show = new Show(stage, options, readCached);
    show.start();
    try {
      return await perform(stage, options, show);
    } finally {
      show.end();
    }
  });
}
