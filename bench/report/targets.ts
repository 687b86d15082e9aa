import { FIGURES } from '../figures.ts';
import type { Target } from '../bench-case.ts';
import type { SuiteReport } from './suite-report.ts';

/** `unmeasured`: its case was not run, or nothing of it came to an end. */
export type Met = 'goal' | 'floor' | 'no' | 'unmeasured';

/** One thing that was promised, and what came of it. */
export interface TargetRow extends Target {
  readonly what: string;
  /** Empty: a ratio. */
  readonly unit: string;
  readonly decimals: number;
  /** The median; null: none. */
  readonly measured: number | null;
  readonly met: Met;
}

const RATIO = { unit: '', decimals: 2 };

/** Where less is better, the floor is above the goal. */
export function metBy(value: number, { floor, goal }: Target): Exclude<Met, 'unmeasured'> {
  const reaches = (bound: number): boolean => (floor > goal ? value <= bound : value >= bound);
  if (reaches(goal)) return 'goal';
  return reaches(floor) ? 'floor' : 'no';
}

/** All targets of the cases that were run, in their order. */
export function targetRows(report: SuiteReport): readonly TargetRow[] {
  return report.cases.flatMap(({ aims, comparisons }) => [
    ...aims.map(({ title, figure, floor, goal, median }) => {
      const { unit, decimals } = FIGURES[figure];
      return row(title, { floor, goal }, median, { unit, decimals });
    }),
    ...comparisons.flatMap(({ title, target, summary }) =>
      target === undefined ? [] : [row(title, target, summary?.median ?? null, RATIO)],
    ),
  ]);
}

function row(
  what: string,
  target: Target,
  measured: number | null,
  form: Pick<TargetRow, 'unit' | 'decimals'>,
): TargetRow {
  const met = measured === null ? 'unmeasured' : metBy(measured, target);
  return { what, ...target, ...form, measured, met };
}
