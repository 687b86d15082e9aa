import type { ChartTransition, NestedState } from '../chart.ts';
import { DOT_SIZE, type Box, type Layout, type Route } from './layout.ts';
import { FONT, initialDotId, LINE, linesOf, transitionText } from './texts.ts';

const RADIUS = 8;
const BEND_RADIUS = 6;

/** A laid-out machine as SVG text: classes and `data-…` only, so that a style sheet decides how it looks. */
export function toSvg(machine: NestedState, layout: Layout): string {
  const { width, height } = layout;
  const size = `${number(width)} ${number(height)}`;
  const name = escape(machine.name);
  const arrow = `chart-arrow-${name}`;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" class="chart" viewBox="0 0 ${size}" width="${number(width)}" height="${number(height)}" role="img" aria-labelledby="chart-${name}-title chart-${name}-desc">`,
    `<title id="chart-${name}-title">Statechart: ${name}</title>`,
    `<desc id="chart-${name}-desc">${escape(describe(machine))}</desc>`,
    `<defs><marker id="${arrow}" class="chart-arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" markerUnits="userSpaceOnUse" orient="auto"><path d="M0 0.5 8 4 0 7.5z"/></marker></defs>`,
    ...boxesOf(machine, layout),
    ...layout.routes.flatMap((route) => routeLines(route, arrow)),
    '</svg>',
    '',
  ].join('\n');
}

function describe(machine: NestedState): string {
  const names = (states: readonly NestedState[]): string =>
    states
      .map((state) => (state.states.length === 0 ? state.name : `${state.name} (${names(state.states)})`))
      .join(', ');
  return `States: ${names(machine.states)}. The same as a list stands beside the drawing.`;
}

/** Parents before their children, so that these lie on top. */
function boxesOf(state: NestedState, layout: Layout): readonly string[] {
  const box = layout.boxes.get(state.id);
  if (box === undefined) throw new Error(`the layouter left out ${state.id}`);
  const dot = layout.boxes.get(initialDotId(state.id));
  return [
    ...boxLines(state, box),
    ...(dot === undefined ? [] : [dotLine(dot)]),
    ...state.states.flatMap((child) => boxesOf(child, layout)),
  ];
}

function boxLines(state: NestedState, box: Box): readonly string[] {
  const { x, y, width, height } = box;
  const rect = (inset: number, className: string): string =>
    `<rect class="${className}" x="${number(x + inset)}" y="${number(y + inset)}" width="${number(width - 2 * inset)}" height="${number(height - 2 * inset)}" rx="${number(RADIUS - inset)}"/>`;
  const lines = linesOf(state);
  const isNested = state.states.length > 0;
  const textX = isNested ? x + 14 : x + width / 2;
  const anchor = isNested ? 'start' : 'middle';
  return [
    `<g class="state state-${state.kind}" data-state="${escape(state.id)}">`,
    `<title>${escape(titleOf(state))}</title>`,
    rect(0, 'state-box'),
    ...(state.kind === 'final' ? [rect(3, 'state-box-inner')] : []),
    ...lines.map((line, index) => {
      const at = `x="${number(textX)}" y="${number(y + LINE.height * (index + 1) + 3)}" text-anchor="${anchor}" font-size="${number(line.size)}"`;
      const text = `<text class="state-${line.kind}" ${at}>${escape(line.text)}</text>`;
      return line.transition === null ? text : inEdge(line.transition, text);
    }),
    '</g>',
  ];
}

function titleOf({ id, description }: NestedState): string {
  return description === null ? id : `${id}: ${description}`;
}

function dotLine({ x, y }: Box): string {
  const radius = DOT_SIZE / 2;
  return `<circle class="initial-dot" cx="${number(x + radius)}" cy="${number(y + radius)}" r="${number(radius)}"/>`;
}

/** Each transition has the line and its own part of the label, so that it can be lit alone; lines of one route lie on each other. */
function routeLines({ transitions, points, label }: Route, arrow: string): readonly string[] {
  const path = `<path class="edge-line" d="${pathOf(points)}" marker-end="url(#${arrow})"/>`;
  if (transitions.length === 0) return [`<g class="edge edge-initial">${path}</g>`];
  return transitions.map((transition, index) => {
    const { x, y } = label ?? { x: 0, y: 0 };
    const at = `x="${number(x + 4)}" y="${number(y + LINE.label * (index + 1) - 3)}" font-size="${number(FONT.label)}"`;
    return inEdge(
      transition,
      `${path}<text class="edge-label" ${at}>${escape(transitionText(transition))}</text>`,
    );
  });
}

/** Right angles with their corners rounded. */
function pathOf(points: Route['points']): string {
  return points
    .map((point, index) => {
      const before = points[index - 1];
      const after = points[index + 1];
      if (before === undefined) return `M${at(point)}`;
      if (after === undefined) return `L${at(point)}`;
      const radius = Math.min(BEND_RADIUS, distance(before, point) / 2, distance(point, after) / 2);
      return `L${at(towards(point, before, radius))}Q${at(point)} ${at(towards(point, after, radius))}`;
    })
    .join('');
}

type Point = Route['points'][number];

const at = ({ x, y }: Point): string => `${number(x)} ${number(y)}`;
const distance = (a: Point, b: Point): number => Math.hypot(a.x - b.x, a.y - b.y);

function towards(from: Point, to: Point, length: number): Point {
  const share = distance(from, to) === 0 ? 0 : length / distance(from, to);
  return { x: from.x + (to.x - from.x) * share, y: from.y + (to.y - from.y) * share };
}

/** To a tenth of a pixel. */
function number(value: number): string {
  return String(Math.round(value * 10) / 10);
}

function escape(text: string): string {
  return text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;').replace(/"/g, '&quot;');
}

function inEdge(transition: ChartTransition, content: string): string {
  const { label, guard, actions, description } = transition;
  const title = [
    `${label}${guard === null ? '' : ` [${guard}]`}${actions.length === 0 ? '' : ` / ${actions.join(', ')}`}`,
    ...(description === null ? [] : [description]),
  ].join(': ');
  return `<g class="edge" data-edge="${escape(transition.edge)}"><title>${escape(title)}</title>${content}</g>`;
}
