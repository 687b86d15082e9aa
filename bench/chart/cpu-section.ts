import { scaleLinear } from 'd3-scale';
import { FIGURES, type FigureName } from '../figures.ts';
import type { SuiteReport } from '../report/suite-report.ts';
import { LEFT, RIGHT, rowsSection, type Row, type Section } from './section.ts';
import { label, rect } from './svg.ts';

const PROGRAMS = [
  ['a', 'nodeCpuUs'],
  ['b', 'postgresCpuUs'],
  ['c', 'rabbitmqCpuUs'],
  ['d', 'redisCpuUs'],
] as const satisfies readonly (readonly [string, FigureName])[];

/** CPU of a transaction, by program: of the cases `drain` and `memory`. */
export function cpuSection(report: SuiteReport): Section | null {
  const found = report.cases
    .filter(({ name }) => name === 'drain' || name === 'memory')
    .flatMap(({ name: group, variants }) =>
      variants.flatMap(({ name, summaries }) => {
        const parts = PROGRAMS.map(([, figure]) => summaries[figure]?.median ?? 0);
        const total = parts.reduce((sum, part) => sum + part, 0);
        // The commit loops have no node and no broker: nothing to compare.
        return summaries.totalCpuUs === undefined ? [] : [{ group, name, parts, total }];
      }),
    );
  const most = Math.max(...found.map(({ total }) => total));
  const scale = scaleLinear().domain([0, most]).range([LEFT, RIGHT]).nice();
  const rows = found.map(({ group, name, parts, total }): Row => ({
    group,
    name,
    draw: (middle) => [
      ...stack(parts).map(({ from, to }, index) => {
        const [className, figure] = PROGRAMS[index] ?? PROGRAMS[0];
        const box = { x: scale(from), y: middle - 7, width: scale(to) - scale(from), height: 14 };
        return rect(box, className, `${FIGURES[figure].title}: ${Math.round(to - from)} µs`);
      }),
      label(scale(total) + 8, middle + 4, String(Math.round(total))),
    ],
  }));
  const title = 'CPU of a transaction, µs: node blue, PostgreSQL orange, RabbitMQ purple, Redis red';
  return rowsSection(title, rows, scale, scale.ticks(6));
}

function stack(parts: readonly number[]): readonly { readonly from: number; readonly to: number }[] {
  let from = 0;
  return parts.map((part) => {
    const piece = { from, to: from + part };
    from = piece.to;
    return piece;
  });
}
