import { scaleLog } from 'd3-scale';
import type { FigureName } from '../figures.ts';
import type { SuiteReport, VariantReport } from '../report/suite-report.ts';
import { LEFT, RIGHT, rowsSection, type Row, type Section } from './section.ts';
import { dot, label, line } from './svg.ts';

type Way = readonly [className: string, text: string, figures: readonly FigureName[]];

const WAYS: readonly Way[] = [
  ['a', 'to the commit', ['commitP50Ms', 'commitP95Ms', 'commitP99Ms', 'commitP999Ms']],
  ['b', 'to the balance', ['readableP50Ms', 'readableP95Ms', 'readableP99Ms', 'readableP999Ms']],
];
const SHARES = ['p50', 'p95', 'p99', 'p99.9'];
const TICKS = [0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 30_000];

/** From left to right p50, p95, p99, p99.9, on a logarithmic scale. */
export function latencySection(report: SuiteReport): Section | null {
  const variants = report.cases.find(({ name }) => name === 'latency')?.variants ?? [];
  const found = variants.flatMap((variant) =>
    WAYS.flatMap(([className, text, figures]) => {
      const values = valuesOf(variant, figures);
      return values.length < figures.length ? [] : [{ name: `${variant.name} ${text}`, className, values }];
    }),
  );
  const all = found.flatMap(({ values }) => values);
  const least = Math.max(0.1, Math.min(...all) / 1.2);
  const scale = scaleLog()
    .domain([least, Math.max(...all) * 1.2])
    .range([LEFT, RIGHT]);
  const rows = found.map(({ name, className, values }): Row => {
    const first = values[0] ?? least;
    const last = values.at(-1) ?? least;
    return {
      group: 'latency',
      name,
      draw: (middle) => [
        line(scale(first), middle, scale(last), middle, 'thread'),
        ...values.map((value, index) =>
          dot(scale(value), middle, className, `${SHARES[index] ?? ''}: ${ms(value)}`),
        ),
        label(scale(last) + 10, middle + 4, ms(values[2] ?? last)),
      ],
    };
  });
  const ticks = TICKS.filter((tick) => tick >= least && tick <= Math.max(...all) * 1.2);
  return rowsSection(
    'Latency from when a message was due, ms: p50, p95, p99, p99.9; p99 in figures',
    rows,
    scale,
    ticks,
  );
}

const ms = (value: number): string => `${value.toFixed(value < 10 ? 1 : 0)} ms`;

function valuesOf({ summaries }: VariantReport, figures: readonly FigureName[]): readonly number[] {
  return figures.flatMap((figure) => summaries[figure]?.median ?? []);
}
