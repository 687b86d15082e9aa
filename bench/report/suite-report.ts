import type { Aim, Comparison } from '../bench-case.ts';
import type { FigureName, Figures } from '../figures.ts';
import type { CaseRuns, SuiteRuns } from '../run-suite.ts';
import { pairedRatios, summarize, type Summary } from '../statistics/summary.ts';
import type { Surroundings } from './surroundings.ts';

/** What is kept of a bench: every run, what they come to, and where and how it was made. */
export interface SuiteReport {
  /** Of this file's form. */
  readonly version: 1;
  readonly startedAt: string;
  readonly ended: SuiteRuns['ended'];
  readonly surroundings: Surroundings;
  readonly settings: Readonly<Record<string, string>>;
  readonly cases: readonly CaseReport[];
}

export interface CaseReport {
  readonly name: string;
  readonly about: string;
  readonly size: CaseRuns['size'];
  readonly shown: readonly FigureName[];
  readonly variants: readonly VariantReport[];
  readonly comparisons: readonly ComparisonReport[];
  readonly aims: readonly (Aim & { readonly median: number | null })[];
}

export interface VariantReport {
  readonly name: string;
  readonly runs: readonly Figures[];
  readonly summaries: Readonly<Partial<Record<FigureName, Summary>>>;
}

export interface ComparisonReport extends Comparison {
  /** One per round. */
  readonly ratios: readonly number[];
  readonly summary: Summary | null;
}

export function reportOf(
  runs: SuiteRuns,
  about: Omit<SuiteReport, 'version' | 'cases' | 'ended'>,
): SuiteReport {
  return { version: 1, ...about, ended: runs.ended, cases: runs.cases.map(caseReport) };
}

function caseReport({ benchCase, size, plan, rounds }: CaseRuns): CaseReport {
  const variants = plan.variants.map(({ name }, index): VariantReport => {
    const own = rounds.flatMap((round) => round[index] ?? []);
    return { name, runs: own, summaries: summariesOf(own) };
  });
  const summaryOf = (variant: string, figure: FigureName): Summary | null =>
    variants.find(({ name }) => name === variant)?.summaries[figure] ?? null;
  return {
    name: benchCase.name,
    about: benchCase.about,
    size,
    shown: plan.shown,
    variants,
    comparisons: plan.comparisons.map((comparison) => compare(comparison, variants)),
    aims: plan.aims.map((aim) => ({ ...aim, median: summaryOf(aim.variant, aim.figure)?.median ?? null })),
  };
}

function summariesOf(runs: readonly Figures[]): VariantReport['summaries'] {
  const names = new Set(runs.flatMap((figures) => Object.keys(figures) as FigureName[]));
  const summaries: Partial<Record<FigureName, Summary>> = {};
  for (const name of names) {
    const summary = summarize(runs.flatMap((figures) => figures[name] ?? []));
    if (summary !== null) summaries[name] = summary;
  }
  return summaries;
}

function compare(comparison: Comparison, variants: readonly VariantReport[]): ComparisonReport {
  const valuesOf = (variant: string): readonly (number | null)[] =>
    (variants.find(({ name }) => name === variant)?.runs ?? []).map(
      (figures) => figures[comparison.figure] ?? null,
    );
  const ratios = pairedRatios(valuesOf(comparison.of), valuesOf(comparison.against));
  return { ...comparison, ratios, summary: summarize(ratios) };
}
