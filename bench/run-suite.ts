import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RunningServers } from '../src/infra/services/index.ts';
import type { BenchCase, CasePlan, CaseSize } from './bench-case.ts';
import type { Figures } from './figures.ts';
import { BenchServers } from './harness/bench-servers.ts';
import type { Bench } from './harness/cluster-run.ts';

/** A case with the size it is run at. */
export interface ChosenCase {
  readonly benchCase: BenchCase;
  readonly size: CaseSize;
  /** Names of the variants that are run; null: all of them. */
  readonly only: readonly string[] | null;
}

export interface CaseRuns extends ChosenCase {
  readonly plan: CasePlan;
  /** Per round, per variant of the plan. A round that was cut off is not among them. */
  readonly rounds: readonly (readonly Figures[])[];
}

export interface SuiteOptions {
  readonly chosen: readonly ChosenCase[];
  readonly nodeSettings: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
  /** What is being done at the moment, for a person. */
  readonly onStep: (text: string) => void;
  /** One run is over. */
  readonly onRun: (text: string, figures: Figures) => void;
}

export interface SuiteRuns {
  readonly cases: readonly CaseRuns[];
  /** `interrupted`: by the signal; the rounds until then are there. */
  readonly ended: 'complete' | 'interrupted';
}

/**
 * Runs the cases one after the other on one set of servers, the variants of each in turns: a, b, a, b, … so that what
 * changes on the machine meets all of them.
 *
 * `use` gets the results while the servers are still up. Rejects with the failure of a run; the logs of its processes stay then.
 */
export async function runSuite<T>(
  options: SuiteOptions,
  use: (runs: SuiteRuns, servers: RunningServers) => Promise<T>,
): Promise<T> {
  options.onStep('starting servers');
  const servers = await BenchServers.start(options.onStep);
  const logDirectory = mkdtempSync(join(tmpdir(), 'paygate-bench-'));
  try {
    const result = await use(await runCases(options, servers, logDirectory), servers.running);
    rmSync(logDirectory, { recursive: true, force: true });
    return result;
  } catch (error) {
    throw new Error(`the bench failed; logs of its processes are in ${logDirectory}`, { cause: error });
  } finally {
    options.onStep('ending servers');
    await servers.stop();
  }
}

async function runCases(
  options: SuiteOptions,
  servers: BenchServers,
  logDirectory: string,
): Promise<SuiteRuns> {
  const cases: CaseRuns[] = [];
  for (const { benchCase, size, only } of options.chosen) {
    const plan = narrowed(benchCase.plan(size), only);
    const rounds: (readonly Figures[])[] = [];
    cases.push({ benchCase, size, only, plan, rounds });
    try {
      for (let round = 1; round <= size.runs; round += 1) {
        rounds.push(await runRound(options, { servers, logDirectory, benchCase, plan, round, size, only }));
      }
    } catch (error) {
      if (!options.signal.aborted) throw error;
      return { cases, ended: 'interrupted' };
    }
  }
  return { cases, ended: 'complete' };
}

/** What is left of a plan when only some variants are run: no comparison and no aim of others. */
export function narrowed(plan: CasePlan, only: readonly string[] | null): CasePlan {
  if (only === null) return plan;
  const isRun = (name: string): boolean => only.includes(name);
  return {
    ...plan,
    variants: plan.variants.filter(({ name }) => isRun(name)),
    comparisons: plan.comparisons.filter(({ of, against }) => isRun(of) && isRun(against)),
    aims: plan.aims.filter(({ variant }) => isRun(variant)),
  };
}

interface Round extends ChosenCase {
  readonly servers: BenchServers;
  readonly logDirectory: string;
  readonly plan: CasePlan;
  readonly round: number;
}

async function runRound(options: SuiteOptions, round: Round): Promise<readonly Figures[]> {
  const all: Figures[] = [];
  for (const variant of round.plan.variants) {
    const title = `${round.benchCase.name} ${round.round}/${round.size.runs} · ${variant.name}`;
    const bench: Bench = {
      servers: round.servers,
      logDirectory: round.logDirectory,
      nodeSettings: options.nodeSettings,
      signal: options.signal,
      onStep: (step) => options.onStep(`${title}: ${step}`),
    };
    const figures = await variant.run(bench);
    options.onRun(title, figures);
    all.push(figures);
  }
  return all;
}
