import type { FigureName, Figures } from './figures.ts';
import type { Bench } from './harness/cluster-run.ts';

/** How much a case does. */
export interface CaseSize {
  /** Of a backlog; 0: there is none. */
  readonly transactions: number;
  readonly accounts: number;
  /** Measured time of a steady stream. */
  readonly seconds: number;
  /** Rows of the journal of a ledger that is large. */
  readonly ledgerRows: number;
  /** Rounds: in each, every variant runs once. */
  readonly runs: number;
  /** Numbers of nodes that are compared. */
  readonly nodes: readonly number[];
}

/** One way of doing it. */
export interface Variant {
  readonly name: string;
  run(bench: Bench): Promise<Figures>;
}

/** Two variants of the same round set against each other; of all rounds the median counts. */
export interface Comparison {
  readonly title: string;
  readonly figure: FigureName;
  readonly of: string;
  readonly against: string;
  readonly target?: Target;
}

/** What a figure should come to. */
export interface Target {
  readonly floor: number;
  readonly goal: number;
}

export interface Aim extends Target {
  readonly title: string;
  readonly variant: string;
  readonly figure: FigureName;
}

export interface CasePlan {
  readonly variants: readonly Variant[];
  readonly comparisons: readonly Comparison[];
  readonly aims: readonly Aim[];
  /** What a table shows, in this order; where nothing has a figure, it is left out. */
  readonly shown: readonly FigureName[];
}

export interface BenchCase {
  readonly name: string;
  /** One sentence. */
  readonly about: string;
  readonly size: CaseSize;
  /** For `--quick`: enough to see that it works, not enough to believe the figures. */
  readonly quick: CaseSize;
  plan(size: CaseSize): CasePlan;
}

/** What a drain tells. */
export const DRAIN_FIGURES: readonly FigureName[] = [
  'txPerSecond',
  'nodeCpuUs',
  'postgresCpuUs',
  'rabbitmqCpuUs',
  'redisCpuUs',
  'totalCpuUs',
  'peakResidentMb',
  'settleMs',
  'shardMoves',
];

export const QUICK: CaseSize = {
  transactions: 2_000,
  accounts: 200,
  seconds: 2,
  ledgerRows: 20_000,
  runs: 2,
  nodes: [1, 3],
};
