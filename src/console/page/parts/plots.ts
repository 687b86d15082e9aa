import { html } from 'htm/preact';
import type { VNode } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import uPlot from 'uplot';
import type { ClusterPoint } from '../../../contracts/console.ts';
import { count, duration } from '../format.ts';
import { colour, onColoursChange } from '../theme.ts';

interface Line {
  readonly label: string;
  readonly colour: string;
  readonly of: (point: ClusterPoint) => number | null;
  readonly fill?: boolean;
}

interface PlotKind {
  readonly title: string;
  readonly words: (value: number) => string;
  readonly lines: readonly Line[];
  /** The axis reaches at least so far. */
  readonly reach: number;
}

const PLOTS: readonly PlotKind[] = [
  {
    title: 'Commands per second',
    words: count,
    reach: 10,
    lines: [
      { label: 'in', colour: 'plot-in', of: (point) => point.received },
      { label: 'approved', colour: 'plot-good', of: (point) => point.approved, fill: true },
      { label: 'rejected', colour: 'plot-warn', of: (point) => point.rejected },
      { label: 'retried', colour: 'plot-retry', of: (point) => point.retried },
    ],
  },
  {
    title: 'Latency, receipt to acknowledgement',
    words: duration,
    reach: 10,
    lines: [
      { label: 'p50', colour: 'plot-low', of: (point) => point.p50Ms },
      { label: 'p95', colour: 'plot-mid', of: (point) => point.p95Ms },
      { label: 'p99', colour: 'plot-high', of: (point) => point.p99Ms },
    ],
  },
  {
    title: 'Oldest command in a mailbox',
    words: duration,
    reach: 100,
    lines: [{ label: 'age', colour: 'plot-high', of: (point) => point.mailboxAgeMs, fill: true }],
  },
  {
    title: 'Commands per commit',
    words: count,
    reach: 5,
    lines: [{ label: 'size', colour: 'plot-low', of: (point) => point.commitSize, fill: true }],
  },
];

const WINDOW_SECONDS = 300;
const SHORTEST_SECONDS = 60;
/** Steps of the time axis; what comes after a minute by itself leaves a phone with one mark. */
const TIME_STEPS = [5, 10, 15, 30, 60, 120, 300];
const HEIGHT = 168;
/** A cursor on one plot stands on all of them. */
const SYNC = uPlot.sync('paygate');

/** The last five minutes of the whole cluster. */
export function Plots({ points }: { readonly points: readonly ClusterPoint[] }): VNode {
  return html`<section aria-labelledby="plots-title">
    <h2 id="plots-title" class="hidden">The last five minutes</h2>
    <div class="plots">
      ${PLOTS.map((kind) => html`<${Plot} key=${kind.title} kind=${kind} points=${points} />`)}
    </div>
  </section>`;
}

function Plot({
  kind,
  points,
}: {
  readonly kind: PlotKind;
  readonly points: readonly ClusterPoint[];
}): VNode {
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  useEffect(() => {
    const here = place.current;
    if (here === null) return undefined;
    const made = new uPlot(optionsOf(kind, here.clientWidth), dataOf(kind, points), here);
    plot.current = made;
    const resize = new ResizeObserver(() => made.setSize({ width: here.clientWidth, height: HEIGHT }));
    resize.observe(here);
    const recolour = onColoursChange(() => made.redraw());
    return () => {
      recolour();
      resize.disconnect();
      made.destroy();
    };
  }, [kind]);
  useEffect(() => {
    plot.current?.setData(dataOf(kind, points));
    if (plot.current !== null) showValues(plot.current, kind);
  }, [points]);
  return html`<figure class="panel plot" data-plot=${kind.title}>
    <figcaption>
      <h3>${kind.title}</h3>
      <ul class="keys">
        ${kind.lines.map(
          (line) =>
            html`<li key=${line.label}><i class=${`swatch ${line.colour}`}></i>${line.label}<b>–</b></li>`,
        )}
      </ul>
    </figcaption>
    <div class="canvas" ref=${place} aria-hidden="true">
      ${points.length === 0 && html`<p class="quiet">waiting for the first second</p>`}
    </div>
  </figure>`;
}

function dataOf(kind: PlotKind, points: readonly ClusterPoint[]): uPlot.AlignedData {
  return [
    points.map(({ second }) => second),
    ...kind.lines.map((line) => points.map(line.of)),
  ] as uPlot.AlignedData;
}

function optionsOf(kind: PlotKind, width: number): uPlot.Options {
  const axis: uPlot.Axis = {
    stroke: () => colour('quiet'),
    grid: { stroke: () => colour('grid'), width: 1 },
    ticks: { show: false },
    font: '11px system-ui, sans-serif',
    gap: 4,
  };
  return {
    width,
    height: HEIGHT,
    legend: { show: false },
    padding: [8, 24, 0, 0],
    cursor: { sync: { key: SYNC.key }, points: { size: 6 }, drag: { x: false, y: false } },
    hooks: { setCursor: [(made) => showValues(made, kind)] },
    scales: {
      x: { time: true, range: (_made, min, max) => windowOf(min, max) },
      y: { range: (_made, _min, max) => [0, Math.max(kind.reach, Number.isFinite(max) ? max * 1.1 : 0)] },
    },
    axes: [
      {
        ...axis,
        size: 24,
        space: 72,
        incrs: TIME_STEPS,
        values: (_made, seconds) => seconds.map((at) => utc(at)),
      },
      {
        ...axis,
        size: 60,
        space: 36,
        values: (_made, values) => values.map((value) => shortly(kind, value)),
      },
    ],
    series: [{}, ...kind.lines.map((line) => seriesOf(line))],
  };
}

/** All there is, up to five minutes, and at least one: what was just started does not fill the plot with a second. */
function windowOf(first: number, last: number): [number, number] {
  return [Math.min(last - SHORTEST_SECONDS, Math.max(first, last - WINDOW_SECONDS)), last];
}

function seriesOf(line: Line): uPlot.Series {
  return {
    label: line.label,
    width: 1.5,
    stroke: () => colour(line.colour),
    ...(line.fill === true ? { fill: () => withAlpha(colour(line.colour)) } : {}),
    points: { show: false },
    spanGaps: true,
  };
}

/** The figures beside the labels are those under the cursor, or the last ones. Written here alone, past Preact. */
function showValues(made: uPlot, kind: PlotKind): void {
  const labels = made.root.closest('figure')?.querySelectorAll('.keys b');
  const index = made.cursor.idx ?? made.data[0].length - 1;
  labels?.forEach((label, line) => {
    const value = made.data[line + 1]?.[index];
    label.textContent = value === null || value === undefined ? '–' : kind.words(value);
  });
}

const utc = (seconds: number): string => new Date(seconds * 1_000).toISOString().slice(11, 19);

const shortly = (kind: PlotKind, value: number): string =>
  kind.words === duration && value === 0 ? '0' : kind.words(value).replace('.0 ', ' ');

const withAlpha = (rgb: string): string => rgb.replace(/^rgb\((.*)\)$/, 'rgba($1, 0.12)');
