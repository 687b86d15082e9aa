import type { ScaleContinuousNumeric } from 'd3-scale';
import { label, line } from './svg.ts';

export const WIDTH = 960;
/** Names of the rows end here, and figures begin. */
export const LEFT = 270;
export const RIGHT = WIDTH - 110;
export const ROW = 24;
const AXIS = 22;

export interface Section {
  readonly title: string;
  readonly height: number;
  /** `top`: where its first row begins. */
  readonly draw: (top: number) => readonly string[];
}

export interface Row {
  readonly name: string;
  /** Of the case that the row belongs to. */
  readonly group: string;
  /** `middle`: of the row. */
  readonly draw: (middle: number) => readonly string[];
}

/** Rows below each other, with a common scale. */
export function rowsSection(
  title: string,
  rows: readonly Row[],
  scale: ScaleContinuousNumeric<number, number>,
  ticks: readonly number[],
): Section | null {
  if (rows.length === 0) return null;
  const height = rows.length * ROW + AXIS;
  return {
    title,
    height,
    draw: (top) => [
      ...ticks.flatMap((tick) => axisMark(scale(tick), top, rows.length * ROW, tick)),
      ...rows.flatMap((row, index) => {
        const middle = top + (index + 0.5) * ROW;
        const isFirst = rows[index - 1]?.group !== row.group;
        return [
          ...(isFirst ? [label(24, middle + 4, row.group, 'quiet')] : []),
          label(LEFT - 10, middle + 4, row.name, '', 'end'),
          ...row.draw(middle),
        ];
      }),
    ],
  };
}

function axisMark(x: number, top: number, height: number, tick: number): readonly string[] {
  return [
    line(x, top, x, top + height, 'grid'),
    label(x, top + height + 15, tick.toLocaleString('en-US'), 'quiet', 'middle'),
  ];
}
