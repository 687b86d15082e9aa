import { amount, surroundingsLines } from './text.ts';
import type { SuiteReport } from './suite-report.ts';
import { targetRows, type Met } from './targets.ts';

const WORDS: Readonly<Record<Met, string>> = {
  goal: 'goal reached',
  floor: 'floor reached',
  no: '**missed**',
  unmeasured: 'not measured',
};

/** The targets and what was measured, for the documentation. */
export function targetMarkdown(report: SuiteReport): string {
  const rows = targetRows(report).map(({ what, floor, goal, measured, met, unit, decimals }) => {
    const cells = [floor, goal].map((value) => amount(value, decimalsOf(value), unit));
    const median = measured === null ? '–' : amount(measured, decimals, unit);
    return `| ${[what, ...cells, median, WORDS[met]].join(' | ')} |`;
  });
  return [
    '| what | floor | goal | measured (median) | |',
    '| --- | ---: | ---: | ---: | --- |',
    ...rows,
    '',
    `Measured on ${report.startedAt.slice(0, 10)}: ${surroundingsLines(report).join('; ')}.`,
  ].join('\n');
}

/** As many as the target was written with. */
function decimalsOf(value: number): number {
  return String(value).split('.')[1]?.length ?? 0;
}
