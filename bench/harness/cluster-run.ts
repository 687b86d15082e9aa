import { join } from 'node:path';
import { auditLedger } from '../../src/infra/postgres/audit.ts';
import { withCacheReader } from '../../src/infra/redis/cache-reader.ts';
import type { Figures } from '../figures.ts';
import { BenchProcess, NODE_ARGS } from './bench-process.ts';
import type { BenchPlace } from './bench-place.ts';
import type { BenchServers } from './bench-servers.ts';
import type { PreparedLedger } from './prepared-ledger.ts';
import { cpuMs, forgetPeak, peakResidentBytes } from './process-cost.ts';
import { until } from './until.ts';

/** What every run needs of the bench around it. */
export interface Bench {
  readonly servers: BenchServers;
  /** Logs of the processes of this run go here. */
  readonly logDirectory: string;
  /** Settings of nodes that somebody wants to try, over the case's own. */
  readonly nodeSettings: Readonly<Record<string, string>>;
  /** Options of Node itself for the nodes. */
  readonly nodeOptions?: readonly string[];
  /** Aborted: the bench is to end. */
  readonly signal: AbortSignal;
  /** What is being done, for a person. */
  readonly onStep: (step: string) => void;
}

/** CPU since the beginning, per group of processes, in milliseconds; null: the system does not say. */
interface CpuReading {
  readonly nodes: readonly (number | null)[];
  readonly postgres: number | null;
  readonly rabbitmq: number | null;
  readonly redis: number | null;
}

export interface CostWindow {
  /** Figures of the time since the window was opened. `transactions` null: not per transaction. */
  close(transactions: number | null): Promise<Figures>;
}

export function nodeNames(count: number): readonly string[] {
  return Array.from({ length: count }, (_, index) => `bench-${index + 1}`);
}

const SETTLE = { pollMs: 200, timeoutMs: 120_000 };

/**
 * A place with processes at work on it: the nodes of a cluster, or what they are compared with.
 *
 * Owns both; `end` is to be called whatever happened.
 */
export class ClusterRun {
  readonly bench: Bench;
  readonly place: BenchPlace;
  #processes: readonly BenchProcess[] = [];

  private constructor(bench: Bench, place: BenchPlace) {
    this.bench = bench;
    this.place = place;
  }

  /** Lends one that has no processes yet. */
  static async use<T>(
    bench: Bench,
    work: (run: ClusterRun) => Promise<T>,
    ledger: PreparedLedger | null = null,
  ): Promise<T> {
    bench.signal.throwIfAborted();
    const run = new ClusterRun(bench, await bench.servers.makePlace(ledger, bench));
    try {
      return await work(run);
    } finally {
      for (const process of run.#processes) process.kill();
      await run.place.remove();
    }
  }

  get addresses(): readonly string[] {
    return this.#processes.map(({ address }) => address);
  }

  /** Resolves when all are ready, own the shards in fair shares, and the queues have readers. */
  async startNodes(count: number, env: Readonly<Record<string, string>> = {}): Promise<void> {
    this.bench.onStep(`starting ${count === 1 ? 'the node' : `${count} nodes`}`);
    // Declares the queues, as the Go API would.
    await (await this.place.goApi()).declareQueues();
    await this.#start(
      nodeNames(count).map((name) => ({
        name,
        args: [...(this.bench.nodeOptions ?? []), ...NODE_ARGS],
        env: { HTTP_PORT: '0', NODE_ID: name, ...env },
      })),
    );
    await until(() => this.#isSettled(count), {
      ...SETTLE,
      what: 'the nodes share the shards and read the queues',
      signal: this.bench.signal,
    });
  }

  /** Something else than a node, on the same servers. Resolves when it says that it is ready. */
  async startProgram(name: string, args: readonly string[]): Promise<void> {
    await this.#start([{ name, args, env: {} }]);
  }

  /** Lets them finish and end. Rejects when one does not end well. */
  async stop(): Promise<void> {
    await Promise.all(this.#processes.map((process) => process.stop()));
    this.#processes = [];
  }

  /** Tells all of them over their channels; resolves when each has answered. */
  async askProcesses(message: object): Promise<void> {
    await Promise.all(this.#processes.map((process) => process.ask(message)));
  }

  async openWindow(): Promise<CostWindow> {
    for (const { pid } of this.#processes) forgetPeak(pid);
    const before = await this.#readCpu();
    const openedMs = performance.now();
    return {
      close: async (transactions) => {
        const elapsedMs = performance.now() - openedMs;
        const after = await this.#readCpu();
        const peaks = this.#processes.map(({ pid }) => peakResidentBytes(pid));
        return {
          ...peakFigure(peaks),
          ...shareFigure(before, after, elapsedMs),
          ...(transactions === null ? {} : perTransaction(before, after, transactions)),
        };
      },
    };
  }

  /** Bumps of epochs so far. */
  async epochs(): Promise<number> {
    const { rows } = await this.place.pool.query<{ epochs: number }>(
      'select sum(epoch)::int as epochs from processor.shards',
    );
    return rows[0]?.epochs ?? 0;
  }

  /** Throws unless exactly this many transactions were decided, and the ledger is right to the last cent. Figures of a wrong one are worth nothing. */
  async audit(transactions: number): Promise<void> {
    this.bench.onStep('auditing');
    const { pool, urls } = this.place;
    const report = await withCacheReader(urls.redisUrl, (readCached) =>
      auditLedger({ pool, readCached, expectCached: true, expectDrained: true }),
    );
    const { messages } = await this.place.queued();
    if (!report.ok) throw new Error(`the ledger is not right: ${JSON.stringify(report.violations)}`);
    if (report.counts.decisions !== transactions)
      throw new Error(`${report.counts.decisions} decisions for ${transactions} transactions`);
    if (messages > 0) throw new Error(`${messages} messages were not acknowledged`);
  }

  async #start(
    programs: readonly {
      readonly name: string;
      readonly args: readonly string[];
      readonly env: Readonly<Record<string, string>>;
    }[],
  ): Promise<void> {
    const { databaseUrl, rabbitmqUrl, redisUrl } = this.place.urls;
    const { servers, logDirectory, nodeSettings } = this.bench;
    const urls = { DATABASE_URL: databaseUrl, RABBITMQ_URL: rabbitmqUrl, REDIS_URL: redisUrl };
    const started = await Promise.allSettled(
      programs.map(({ name, args, env }) =>
        BenchProcess.start({
          name,
          args,
          env: { ...urls, ...env, ...nodeSettings },
          logFile: join(logDirectory, `${name}.log`),
          guardian: servers.guardian,
        }),
      ),
    );
    this.#processes = started.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
    const failed = started.find((result) => result.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
  }

  async #isSettled(nodes: number): Promise<boolean> {
    const { rows } = await this.place.pool.query<{ owner: string | null; shards: number }>(
      'select owner, count(*)::int as shards from processor.shards group by owner',
    );
    const areFair = rows.every(({ owner, shards }) => owner !== null && shards >= 256 / nodes / 2);
    if (rows.length !== nodes || !areFair) return false;
    return (await this.place.queued()).readers > 0;
  }

  async #readCpu(): Promise<CpuReading> {
    const { postgres, rabbitmq, redis } = this.bench.servers.running;
    const tree = (pid: number | null): Promise<number | null> => cpuMs([{ pid, extent: 'tree' }]);
    return {
      nodes: await Promise.all(this.#processes.map(({ pid }) => cpuMs([{ pid, extent: 'alone' }]))),
      postgres: await tree(postgres.pid),
      rabbitmq: await tree(rabbitmq.pid),
      redis: await tree(redis.pid),
    };
  }
}

function peakFigure(peaks: readonly (number | null)[]): Figures {
  const known = peaks.filter((peak) => peak !== null);
  return known.length === 0 ? {} : { peakResidentMb: Math.max(...known) / 1_000_000 };
}

const difference = (before: number | null, after: number | null): number | null =>
  before === null || after === null ? null : after - before;

function nodeTimes(before: CpuReading, after: CpuReading): readonly number[] {
  return after.nodes.map((ms, index) => difference(before.nodes[index] ?? null, ms) ?? 0);
}

function shareFigure(before: CpuReading, after: CpuReading, elapsedMs: number): Figures {
  const times = nodeTimes(before, after);
  return times.length === 0 ? {} : { nodeCpuPercent: (Math.max(...times) / elapsedMs) * 100 };
}

function perTransaction(before: CpuReading, after: CpuReading, transactions: number): Figures {
  const us = (ms: number | null): number => ((ms ?? 0) * 1_000) / transactions;
  const nodeCpuUs = us(nodeTimes(before, after).reduce((sum, ms) => sum + ms, 0));
  const servers = (['postgres', 'rabbitmq', 'redis'] as const).map((kind) =>
    difference(before[kind], after[kind]),
  );
  const [postgres = null, rabbitmq = null, redis = null] = servers;
  if (servers.includes(null)) return { nodeCpuUs };
  return {
    nodeCpuUs,
    postgresCpuUs: us(postgres),
    rabbitmqCpuUs: us(rabbitmq),
    redisCpuUs: us(redis),
    totalCpuUs: nodeCpuUs + us(postgres) + us(rabbitmq) + us(redis),
  };
}
