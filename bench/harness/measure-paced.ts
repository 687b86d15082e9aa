import { setTimeout as sleep } from 'node:timers/promises';
import type { Operation } from '../../src/drive/operation.ts';
import type { Traffic } from '../../src/drive/traffic.ts';
import type { Figures } from '../figures.ts';
import { percentilesOf } from '../statistics/percentiles.ts';
import { Schedule } from '../statistics/schedule.ts';
import { benchTraffic } from './bench-traffic.ts';
import { ClusterRun, type Bench } from './cluster-run.ts';
import { LOAD_AHEAD_MS, offer, planOperations } from './paced-load.ts';
import { WallClock } from './wall-clock.ts';
import { untilNothingIsLeft, wakeAccounts, warmUp } from './warm-node.ts';

export interface PacedSettings {
  readonly ratePerSecond: number;
  /** Measured time; what is offered before it to get into the swing is not counted. */
  readonly seconds: number;
  readonly accounts: number;
  /** Begins to look on, before the first message is sent. */
  readonly observe?: (scene: PacedScene) => Observer;
}

/** What an onlooker gets to know. */
export interface PacedScene {
  readonly run: ClusterRun;
  readonly clock: WallClock;
  /** Of each account, before the first message is sent. */
  readonly seqs: ReadonlyMap<string, number>;
  /** Of all messages, and which of them is the first that is measured. */
  readonly schedule: Schedule;
  readonly firstMeasured: number;
}

export interface Observer {
  /** A message was given to the broker's socket. */
  onSent?(operation: Operation, index: number): void;
  /** The measured time begins. */
  begin?(): void;
  /** The last message was sent. */
  end?(): void;
  /** Everything is decided and told; ends the looking on. Rejects with what went wrong meanwhile. */
  figures(): Promise<Figures>;
  /** Whatever happened. */
  close?(): void;
}

const WARM_UP_TRANSACTIONS = 40_000;
/** At a steady rate those accounts are active that had work within `ACCOUNT_IDLE_MS`; four transactions an account wake nearly all. */
const ACTIVE_SECONDS = 60;
const WAKING_PER_ACCOUNT = 4;
/** Small portions take other paths of the code than the backlogs before: of the first seconds they are not compiled yet. */
const LEAD_IN_SECONDS = 10;
const SEQS =
  'select account_id as id, seq::int as seq from processor.accounts where account_id = any ($1::uuid[])';
const DECIDED_BETWEEN = `
  select count(*)::int as decided from processor.journal
   where decided_at >= to_timestamp($1::float8 / 1000) and decided_at < to_timestamp($2::float8 / 1000)`;

/** One warm node under a steady load, its accounts as active as they are at that rate: what it costs, and what an onlooker measures. */
export async function measurePaced(bench: Bench, settings: PacedSettings): Promise<Figures> {
  return ClusterRun.use(bench, async (run) => {
    const { ratePerSecond, seconds, accounts } = settings;
    await run.place.bindEvents();
    await run.startNodes(1);
    const warmedUp = await warmUp(run, Math.min(WARM_UP_TRANSACTIONS, 4 * ratePerSecond * seconds));
    const traffic = benchTraffic({ accounts });
    const waking = Math.min(ACTIVE_SECONDS * ratePerSecond, WAKING_PER_ACCOUNT * accounts);
    await wakeAccounts(run, traffic, waking);
    bench.onStep('planning the stream');
    const seqs = await seqsOf(run, traffic);
    const firstMeasured = LEAD_IN_SECONDS * ratePerSecond;
    await run.place.settleDatabase();
    // Last: nothing may come between it and the offering but moments.
    const operations = planOperations(traffic, firstMeasured + ratePerSecond * seconds, ratePerSecond);

    const clock = new WallClock();
    await clock.compareWith(run.place.pool);
    const schedule = new Schedule(clock.now() + LOAD_AHEAD_MS, ratePerSecond, operations.length);
    const scene = { run, clock, seqs, schedule, firstMeasured };
    const observer = settings.observe?.(scene) ?? null;
    try {
      const figures = await offerAndMeasure(scene, operations, observer);
      await untilNothingIsLeft(run);
      const observed = (await observer?.figures()) ?? {};
      await clock.compareWith(run.place.pool);
      await run.stop();
      await run.audit(warmedUp + waking + operations.length);
      return { ...figures, ...observed };
    } finally {
      observer?.close?.();
    }
  });
}

async function seqsOf(run: ClusterRun, { accounts }: Traffic): Promise<ReadonlyMap<string, number>> {
  const ids = accounts.map(({ id }) => id);
  const { rows } = await run.place.pool.query<{ id: string; seq: number }>(SEQS, [ids]);
  const seqs = new Map(ids.map((id) => [id, 0]));
  for (const { id, seq } of rows) seqs.set(id, seq);
  return seqs;
}

async function offerAndMeasure(
  { run, clock, schedule, firstMeasured }: PacedScene,
  operations: readonly Operation[],
  observer: Observer | null,
): Promise<Figures> {
  const { signal, onStep } = run.bench;
  onStep(`offering ${operations.length} transactions`);
  const lagsMs: number[] = [];
  const offering = offer({
    ...{ operations, schedule, clock, signal, api: await run.place.goApi() },
    onSent: (operation, index) => {
      observer?.onSent?.(operation, index);
      if (index >= firstMeasured) lagsMs.push(clock.now() - schedule.dueMs(index));
    },
  });
  const opening = openWhenDue(run, schedule.dueMs(firstMeasured) - clock.now(), () => {
    observer?.begin?.();
    return clock.now();
  });
  const [{ window, openedMs }] = await Promise.all([opening, offering]);
  observer?.end?.();
  const closedMs = clock.now();
  const { rows } = await run.place.pool.query<{ decided: number }>(DECIDED_BETWEEN, [openedMs, closedMs]);
  const decided = rows[0]?.decided ?? 0;
  const perSecond = (count: number): number => count / ((closedMs - openedMs) / 1_000);
  return {
    offeredPerSecond: perSecond(lagsMs.length),
    txPerSecond: perSecond(decided),
    sendLagP99Ms: percentilesOf(lagsMs).p99,
    ...(await window.close(Math.max(1, decided))),
  };
}

async function openWhenDue(run: ClusterRun, delayMs: number, begin: () => number) {
  await sleep(delayMs, undefined, { signal: run.bench.signal });
  const window = await run.openWindow();
  return { window, openedMs: begin() };
}
