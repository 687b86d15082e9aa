import { randomUUID } from 'node:crypto';
import type { Operation } from '../../src/drive/operation.ts';
import { PostgresLedger } from '../../src/infra/postgres/ledger.ts';
import type { AccountChange } from '../../src/ports/ledger.ts';
import type { Figures } from '../figures.ts';
import { benchTraffic, type BenchTrafficOptions } from '../harness/bench-traffic.ts';
import { ClusterRun, type Bench } from '../harness/cluster-run.ts';
import { BareLane, createBareFunction } from './bare-lane.ts';
import { CommitPlanner } from './plan-commits.ts';

export interface CommitSettings {
  readonly transactions: number;
  readonly traffic: BenchTrafficOptions;
  /** `gates`: the node's own commit function. `rows`: one that writes the same rows and looks at nothing first. */
  readonly function: 'gates' | 'rows';
}

interface Lane {
  commit(changes: readonly AccountChange[]): Promise<{ readonly outboxId: bigint | null }>;
  close(): Promise<void>;
}

const COMMANDS_PER_COMMIT = 500;
const ROWS_PER_INSERT = 5_000;

/**
 * The limit: how fast one connection commits the decisions of the same stream, made beforehand, when nothing else is done; no messages,
 * no deciding, no cache.
 */
export async function measureCommits(bench: Bench, settings: CommitSettings): Promise<Figures> {
  return ClusterRun.use(bench, async (run) => {
    const { transactions } = settings;
    bench.onStep('making rows and decisions');
    const commits = await prepareCommits(run, settings);
    await run.place.settleDatabase();
    const lane = await openLane(run, settings.function);
    bench.onStep('committing');
    const window = await run.openWindow();
    const startedMs = performance.now();
    try {
      for (const changes of commits) {
        bench.signal.throwIfAborted();
        const { outboxId } = await lane.commit(changes);
        if (outboxId === null) throw new Error('nothing was committed');
      }
    } finally {
      await lane.close();
    }
    const seconds = (performance.now() - startedMs) / 1_000;
    const { postgresCpuUs } = await window.close(transactions);
    const decided = await run.place.pool.query('select from processor.journal');
    if (decided.rowCount !== transactions)
      throw new Error(`${decided.rowCount ?? 0} of ${transactions} decisions were committed`);
    return {
      txPerSecond: transactions / seconds,
      seconds,
      ...(postgresCpuUs === undefined ? {} : { postgresCpuUs }),
    };
  });
}

async function prepareCommits(
  run: ClusterRun,
  { transactions, traffic: options }: CommitSettings,
): Promise<readonly (readonly AccountChange[])[]> {
  const traffic = benchTraffic(options);
  const api = await run.place.goApi();
  await api.openAccounts(traffic.accounts);
  const planner = new CommitPlanner(traffic.accounts);
  const commits: (readonly AccountChange[])[] = [];
  for (let made = 0; made < transactions; made += ROWS_PER_INSERT) {
    run.bench.signal.throwIfAborted();
    const operations: Operation[] = [];
    const nowMicros = Date.now() * 1_000;
    for (let n = made; n < Math.min(made + ROWS_PER_INSERT, transactions); n += 1)
      operations.push(...traffic.next(nowMicros));
    await api.insertPending(operations);
    const commands = operations.flatMap((one) => (one.kind === 'transaction' ? [one.command] : []));
    for (let from = 0; from < commands.length; from += COMMANDS_PER_COMMIT)
      commits.push(planner.plan(commands.slice(from, from + COMMANDS_PER_COMMIT)));
  }
  return commits;
}

async function openLane({ place }: ClusterRun, kind: CommitSettings['function']): Promise<Lane> {
  const { databaseUrl } = place.urls;
  if (kind === 'rows') {
    await createBareFunction(place.pool);
    return new BareLane(databaseUrl);
  }
  return new PostgresLedger({
    databaseUrl,
    applicationName: 'paygate:bench',
    incarnation: randomUUID(),
    refundAmount: 'message',
  });
}
