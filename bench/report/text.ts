import { bold, count, paint, table, type Cell } from '../../src/cli/output.ts';
import type { Target } from '../bench-case.ts';
import { FIGURES, type FigureName, type Figures } from '../figures.ts';
import type { Summary } from '../statistics/summary.ts';
import type { CaseReport, ComparisonReport, SuiteReport } from './suite-report.ts';
import { metBy, targetRows, type Met } from './targets.ts';

/** A figure in its own accuracy, without its unit. */
function number(value: number, decimals: number): string {
  return value.toLocaleString('en-US', { minimumFractionDigits: decimals, maximumFractionDigits: decimals });
}

/** `12.5 ms`; a ratio has no unit. */
export function amount(value: number, decimals: number, unit: string): string {
  return unit === '' ? number(value, decimals) : `${number(value, decimals)} ${unit}`;
}

const headOf = (name: FigureName): string => {
  const { title, unit } = FIGURES[name];
  return unit === '' ? title : `${title}, ${unit}`;
};

/** `7,812 (7,400 … 7,900)`: the median, and what lay furthest out. */
function spread({ runs, median, min, max }: Summary, decimals: number): string {
  const middle = number(median, decimals);
  return runs === 1 ? middle : `${middle} (${number(min, decimals)} … ${number(max, decimals)})`;
}

/** Figures of one run on one line. */
export function figureLine(figures: Figures, shown: readonly FigureName[]): string {
  return shown
    .flatMap((name) => {
      const value = figures[name];
      return value === undefined
        ? []
        : [`${number(value, FIGURES[name].decimals)} ${FIGURES[name].unit} ${FIGURES[name].title}`];
    })
    .join(' · ');
}

/** Down: figures. Across: variants. */
function caseTable({ shown, variants }: CaseReport): string {
  const rows = shown
    .filter((name) => variants.some(({ summaries }) => summaries[name] !== undefined))
    .map((name): Cell[] => [
      headOf(name),
      ...variants.map(({ summaries }) => {
        const summary = summaries[name];
        return summary === undefined ? null : spread(summary, FIGURES[name].decimals);
      }),
    ]);
  return table(['', ...variants.map(({ name }) => name)], rows);
}

const VERDICTS: Readonly<Record<Met, string>> = {
  goal: paint('green', 'goal reached'),
  floor: paint('yellow', 'floor reached, not the goal'),
  no: paint('red', 'missed'),
  unmeasured: 'not measured',
};

const verdict = (value: number, target: Target): string => VERDICTS[metBy(value, target)];

function comparisonLine({ title, summary, target }: ComparisonReport): string {
  if (summary === null) return `  ${title}: –`;
  const { median, lowerQuartile, upperQuartile, min, max, runs } = summary;
  const quartiles = runs > 2 ? `, quartiles ${number(lowerQuartile, 3)} … ${number(upperQuartile, 3)}` : '';
  const range = runs > 1 ? ` (${number(min, 3)} … ${number(max, 3)}${quartiles}, ${runs} pairs)` : '';
  const aim =
    target === undefined ? '' : `  wanted ${target.floor} to ${target.goal}: ${verdict(median, target)}`;
  return `  ${title}: ${bold(number(median, 3))}${range}${aim}`;
}

function aimLines({ aims }: CaseReport): readonly string[] {
  return aims.flatMap((aim) => {
    if (aim.median === null) return [];
    const { unit, decimals } = FIGURES[aim.figure];
    const wanted = `floor ${count(aim.floor)}, goal ${count(aim.goal)} ${unit}`;
    return [`  ${aim.title}: ${number(aim.median, decimals)} (${wanted}): ${verdict(aim.median, aim)}`];
  });
}

function caseText(report: CaseReport): string {
  const { name, about, size } = report;
  const amount = size.transactions > 0 ? `${count(size.transactions)} transactions` : `${size.seconds} s`;
  const runs = `${amount} over ${count(size.accounts)} accounts, ${size.runs} rounds`;
  return [
    bold(name),
    `${about} ${runs}; medians (least … most).`,
    caseTable(report),
    ...report.comparisons.map(comparisonLine),
    ...aimLines(report),
  ].join('\n');
}

/** What was wanted of all cases that were run, and what came of it. */
function targetTable(report: SuiteReport): readonly string[] {
  const rows = targetRows(report).map(({ what, floor, goal, measured, met, unit, decimals }) => [
    what,
    floor,
    goal,
    measured === null ? null : number(measured, decimals),
    unit,
    VERDICTS[met],
  ]);
  if (rows.length === 0) return [];
  return [`${bold('targets')}\n${table(['', 'floor', 'goal', 'measured', '', ''], rows)}`];
}

/** Machine, versions, settings. */
export function surroundingsLines(report: SuiteReport): readonly string[] {
  const { machine, versions } = report.surroundings;
  const settings = Object.entries(report.settings).map(([name, value]) => `${name}=${value}`);
  return [
    `${machine.cpu}, ${machine.cores} cores, ${count(machine.memoryMb)} MB, ${machine.system}`,
    `paygate ${versions.paygate} (${versions.commit ?? 'no commit'}), Node ${versions.node}, PostgreSQL ${versions.postgres}, ` +
      `RabbitMQ ${versions.rabbitmq}, Redis ${versions.redis}`,
    settings.length === 0 ? 'settings: as by default' : `settings: ${settings.join(' ')}`,
  ];
}

/** The whole report for a person. */
export function reportText(report: SuiteReport): string {
  const ended = report.ended === 'complete' ? [] : [paint('yellow', 'interrupted: not all rounds are in it')];
  const where = [...surroundingsLines(report), ...ended].join('\n');
  return [...report.cases.map(caseText), ...targetTable(report), where].join('\n\n');
}
