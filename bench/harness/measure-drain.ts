import type { RuleSetDocument } from '../../src/contracts/rule-set.ts';
import { applyRules } from '../../src/infra/postgres/rule-store.ts';
import { pauseIntake, resumeIntake } from '../../src/infra/postgres/intake-pause.ts';
import type { Traffic } from '../../src/drive/traffic.ts';
import type { Figures } from '../figures.ts';
import { paceOf, type DecisionSpan } from '../statistics/pace.ts';
import { benchTraffic, type BenchTrafficOptions } from './bench-traffic.ts';
import { ClusterRun, type Bench } from './cluster-run.ts';
import type { PreparedLedger } from './prepared-ledger.ts';
import { until } from './until.ts';
import { publish, untilNothingIsLeft, warmUp } from './warm-node.ts';

export interface DrainSettings {
  readonly nodes: number;
  readonly transactions: number;
  readonly traffic: BenchTrafficOptions;
  /** Settings of the nodes, beside the usual ones. */
  readonly env?: Readonly<Record<string, string>>;
  /** `told`: on, and one queue gets them. */
  readonly events?: 'told' | 'off';
  /** Begins to look on, once the nodes are warm; what it returns ends that. */
  readonly watch?: (run: ClusterRun, traffic: Traffic) => Promise<() => Promise<void>>;
  /** What is in the ledger before; the accounts of the traffic are. */
  readonly ledger?: PreparedLedger;
  /** In force from the start. */
  readonly rules?: RuleSetDocument;
}

const OPERATOR = { operator: 'bench', why: 'a run of the bench' };

const SPAN = `
  with own as materialized (select decided_at from processor.journal where decided_at > to_timestamp($1::float8 / 1000))
  select count(*)::int as decided,
         (count(*) filter (where decided_at = (select min(decided_at) from own)))::int as "decidedFirst",
         (extract(epoch from min(decided_at)) * 1000)::float8 as "firstMs",
         (extract(epoch from max(decided_at)) * 1000)::float8 as "lastMs"
    from own having count(*) > 0`;

/**
 * How fast a filled queue is drained: the nodes run and are warm, intake is paused, rows and messages of the whole backlog are made,
 * and the time runs from the first decision after intake was resumed to the last one. Then everything must become cached, told and
 * acknowledged; that takes a second more at least, because a node keeps its to-do list until Redis has it on disk.
 */
export async function measureDrain(bench: Bench, settings: DrainSettings): Promise<Figures> {
  return ClusterRun.use(
    bench,
    async (run) => {
      const { transactions, nodes, events = 'told', env = {} } = settings;
      const features = events === 'off' ? { FEATURES: 'cache,metrics,console,rules' } : {};
      if (settings.rules !== undefined)
        await applyRules(run.place.pool, { document: settings.rules, ...OPERATOR });
      if (events === 'told') await run.place.bindEvents();
      await run.startNodes(nodes, { ...features, ...env });
      const warmedUp = await warmUp(run, transactions, nodes);

      await pause(run);
      bench.onStep(`making a backlog of ${transactions}`);
      const traffic = benchTraffic(settings.traffic);
      await publish(run, traffic, transactions, settings.ledger === undefined ? 'new' : 'open');
      await run.place.settleDatabase();
      const leave = (await settings.watch?.(run, traffic)) ?? null;
      const figures = await drainBacklog(run, transactions);
      await leave?.();
      await run.stop();
      await run.audit(warmedUp + transactions + (settings.ledger?.decisions ?? 0));
      return figures;
    },
    settings.ledger ?? null,
  );
}

/** Resolves when nobody reads the queues any more. */
async function pause(run: ClusterRun): Promise<void> {
  await pauseIntake(run.place.pool, OPERATOR);
  await until(async () => (await run.place.queued()).readers === 0, {
    what: 'intake is paused',
    signal: run.bench.signal,
    pollMs: 100,
    timeoutMs: 60_000,
  });
}

async function drainBacklog(run: ClusterRun, transactions: number): Promise<Figures> {
  run.bench.onStep('draining');
  const epochs = await run.epochs();
  const window = await run.openWindow();
  const resumedMs = Date.now();
  await resumeIntake(run.place.pool, OPERATOR);
  await untilNothingIsLeft(run);
  const settledMs = Date.now();
  const costs = await window.close(transactions);
  const { rows } = await run.place.pool.query<DecisionSpan>(SPAN, [resumedMs]);
  const [span] = rows;
  if (span?.decided !== transactions)
    throw new Error(`${span?.decided ?? 0} of ${transactions} transactions were decided`);
  return {
    ...paceOf(span, resumedMs),
    settleMs: settledMs - span.lastMs,
    ...costs,
    shardMoves: (await run.epochs()) - epochs,
  };
}
