import { scaleLinear } from 'd3-scale';
import type { SuiteReport } from '../report/suite-report.ts';
import { LEFT, RIGHT, rowsSection, type Row, type Section } from './section.ts';
import { label, line, rect } from './svg.ts';

/** Of all that drained a backlog: medians, the whole spread, floors and goals. */
export function throughputSection(report: SuiteReport): Section | null {
  const drains = report.cases.filter(({ size }) => size.transactions > 0);
  const found = drains.flatMap(({ name: group, variants, aims }) =>
    variants.flatMap(({ name, summaries: { txPerSecond: summary, settleMs } }) => {
      // Of what drains; a steady stream has the throughput that it was offered.
      if (summary === undefined || (group === 'memory' && settleMs === undefined)) return [];
      const aim = aims.find(({ variant, figure }) => variant === name && figure === 'txPerSecond');
      return [{ group, name, summary, aim }];
    }),
  );
  const most = Math.max(...found.map(({ summary, aim }) => Math.max(summary.max, aim?.goal ?? 0)));
  const scale = scaleLinear().domain([0, most]).range([LEFT, RIGHT]).nice();
  const rows = found.map(({ group, name, summary: { median, min, max }, aim }): Row => {
    const text = Math.round(median).toLocaleString('en-US');
    return {
      group,
      name,
      draw: (middle) => [
        rect({ x: LEFT, y: middle - 7, width: scale(median) - LEFT, height: 14 }, 'a', `${text} tx/s`),
        line(scale(min), middle, scale(max), middle, 'spread'),
        ...(['floor', 'goal'] as const).flatMap((kind) =>
          aim === undefined ? [] : [line(scale(aim[kind]), middle - 11, scale(aim[kind]), middle + 11, kind)],
        ),
        label(Math.max(scale(max), scale(median)) + 8, middle + 4, text),
      ],
    };
  });
  return rowsSection(
    'Throughput, tx/s: medians, least to most; dashed the floor, green the goal',
    rows,
    scale,
    scale.ticks(6),
  );
}
