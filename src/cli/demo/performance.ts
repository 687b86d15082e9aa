import type pg from 'pg';
import { drive, type DriveReport } from '../../drive/drive.ts';
import type { GoApi } from '../../drive/go-api.ts';
import { SeededRandom } from '../../drive/seeded-random.ts';
import type { Traffic } from '../../drive/traffic.ts';
import { withCacheReader } from '../../infra/redis/cache-reader.ts';
import { SystemClock } from '../../infra/system-clock.ts';
import { withDriveTarget } from '../with-drive-target.ts';
import { readBackstage, type Backstage } from './backstage.ts';
import { Chaos } from './chaos.ts';
import { untilDrained, type StillToDo } from './drained.ts';
import { FigureReader, type Figures } from './figures.ts';
import { createScreen } from './screen.ts';
import { Show } from './show.ts';
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

const SHOWN_ACCOUNTS = 3;
const BACKLOG_MAX = 20_000;
const DRAIN_TIMEOUT_MS = 60_000;

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

/** Resolves when all is decided, or `DRAIN_TIMEOUT_MS` after the stream has ended. */
async function perform(
  stage: Stage,
  options: PerformanceOptions,
  { api, pool, show }: { readonly api: GoApi; readonly pool: pg.Pool; readonly show: Show },
): Promise<Performance> {
  const startedMs = Date.now();
  const chaos = chaosOf(stage, options, show);
  if (chaos !== null) show.watchChaos(chaos);
  let report: DriveReport;
  try {
    report = await drive(api, options.traffic, {
      transactions: options.transactions,
      ratePerSecond: options.ratePerSecond,
      backlogMax: BACKLOG_MAX,
      signal: options.signal,
      onProgress: (counts) => show.published(counts),
    });
  } finally {
    // It would go on for ever, looking for a node to kill.
    await chaos?.end();
  }
  show.published(report);
  const left = await untilDrained(pool, stage.config.rabbitmqUrl, DRAIN_TIMEOUT_MS);
  const elapsedMs = Date.now() - startedMs;
  await show.stop();
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
}

async function backstageReader(pool: pg.Pool): Promise<() => Promise<Backstage>> {
  const { moves: movesAtStart } = await readBackstage(pool);
  return async () => {
    const backstage = await readBackstage(pool);
    return { ...backstage, moves: backstage.moves - movesAtStart };
  };
}

/** Drives the stream while showing live figures, until all is decided. */
export async function runPerformance(stage: Stage, options: PerformanceOptions): Promise<Performance> {
  return withCacheReader(stage.config.redisUrl, (readCached) =>
    withDriveTarget(stage.config, async (api, pool) => {
      const show = new Show({
        figures: new FigureReader(stage.nodes),
        readCached,
        readBackstage: await backstageReader(pool),
        screen: createScreen(),
        clock: new SystemClock(),
        accountIds: options.traffic.accounts.slice(0, SHOWN_ACCOUNTS).map(({ id }) => id),
        transactions: options.transactions,
        signal: options.signal,
      });
      show.start();
      try {
        return await perform(stage, options, { api, pool, show });
      } finally {
        await show.end();
      }
    }),
  );
}
