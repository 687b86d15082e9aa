import { bold, count, paint, table, type Cell } from '../../src/cli/output.ts';
import { FIGURES, type FigureName, type Figures } from '../figures.ts';
import type { Summary } from '../statistics/summary.ts';
import type { CaseReport, ComparisonReport, SuiteReport } from './suite-report.ts';

/** A figure in its own accuracy, without its unit. */
function number(value: number, decimals: number): string {
  return value.toLocaleString('en-US', { minimumFractionDigits: decimals, maximumFractionDigits: decimals });
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

function verdict(value: number, { floor, goal }: { readonly floor: number; readonly goal: number }): string {
  // Where less is better, the floor is above the goal.
  const reaches = (bound: number): boolean => (floor > goal ? value <= bound : value >= bound);
  if (reaches(goal)) return paint('green', 'goal reached');
  return reaches(floor) ? paint('yellow', 'above the floor, not the goal') : paint('red', 'below the floor');
}

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
    const { title, unit, decimals } = FIGURES[aim.figure];
    const wanted = `floor ${count(aim.floor)}, goal ${count(aim.goal)} ${unit}`;
    return [
      `  ${aim.variant}, ${title}: ${number(aim.median, decimals)} (${wanted}): ${verdict(aim.median, aim)}`,
    ];
  });
}

function caseText(report: CaseReport): string {
  const { name, about, size } = report;
  const runs = `${count(size.transactions)} transactions over ${count(size.accounts)} accounts, ${size.runs} rounds`;
  return [
    bold(name),
    `${about} ${runs}; medians (least … most).`,
    caseTable(report),
    ...report.comparisons.map(comparisonLine),
    ...aimLines(report),
  ].join('\n');
}

/** The whole report for a person. */
export function reportText(report: SuiteReport): string {
  const { machine, versions } = report.surroundings;
  const settings = Object.entries(report.settings).map(([name, value]) => `${name}=${value}`);
  const where = [
    `${machine.cpu}, ${machine.cores} cores, ${count(machine.memoryMb)} MB, ${machine.system}`,
    `paygate ${versions.paygate} (${versions.commit ?? 'no commit'}), Node ${versions.node}, PostgreSQL ${versions.postgres}, ` +
      `RabbitMQ ${versions.rabbitmq}, Redis ${versions.redis}`,
    settings.length === 0 ? 'settings: as by default' : `settings: ${settings.join(' ')}`,
  ];
  const ended = report.ended === 'complete' ? [] : [paint('yellow', 'interrupted: not all rounds are in it')];
  return [...report.cases.map(caseText), [...where, ...ended].join('\n')].join('\n\n');
}
