/**
 * The drawings of the statecharts. Without this: a console that shows a machine as it was some versions ago, leaves out a
 * transition, or lights nothing because an id is not there.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { AnyStateNode } from 'xstate';
import { beforeAll, describe, expect, it } from 'vitest';
import { drawChart } from '../../../src/console/charts/drawing/draw-chart.ts';
import { layOut, type Box } from '../../../src/console/charts/drawing/layout.ts';
import { MACHINES } from '../../../src/console/charts/drawing/machines.ts';
import { moduleText } from '../../../src/console/charts/drawing/module-text.ts';
import { nestedStates } from '../../../src/console/charts/drawing/nested-states.ts';
import { CHART_NAMES, chartOf, stateIdsOf, type NestedState } from '../../../src/console/charts/index.ts';

const SOURCE = join(import.meta.dirname, '../../../src');

/** What stands in an attribute, in the order of the drawing. */
function attribute(svg: string, name: string): readonly string[] {
  return [...svg.matchAll(new RegExp(` ${name}="([^"]*)"`, 'g'))].map(([, value = '']) => value);
}

function nodesOf(node: AnyStateNode): readonly AnyStateNode[] {
  return [node, ...Object.values(node.states).flatMap(nodesOf)];
}

/** Of the machine as XState runs it, not by the code under test. */
function transitionsIn(node: AnyStateNode): readonly string[] {
  return nodesOf(node).flatMap((state) => {
    const named = [...state.transitions].flatMap(([event, definitions]) =>
      definitions.map((_, index) => `${state.id}|${event}|${index}`),
    );
    return [...named, ...(state.always ?? []).map((_, index) => `${state.id}|always|${index}`)];
  });
}

const flat = (state: NestedState): readonly NestedState[] => [state, ...state.states.flatMap(flat)];

/** Every tag is closed by its own. Throws where it is not. */
function elementNames(xml: string): readonly string[] {
  const open: string[] = [];
  const names: string[] = [];
  for (const [, end, name = '', rest = ''] of xml.matchAll(
    /<(\/?)([a-z]+)((?:\s+[a-zA-Z:-]+="[^"<]*")*\s*\/?)>/g,
  )) {
    if (end === '/') expect(open.pop()).toBe(name);
    else if (!rest.endsWith('/')) open.push(name);
    if (end !== '/') names.push(name);
  }
  expect(open).toEqual([]);
  const text = xml.replace(/<(\/?)([a-z]+)((?:\s+[a-zA-Z:-]+="[^"<]*")*\s*\/?)>/g, '');
  expect(text).not.toMatch(/[<>]|&(?!amp;|lt;|gt;|quot;)/);
  return names;
}

const isInside = (inner: Box, outer: Box): boolean =>
  inner.x >= outer.x &&
  inner.y >= outer.y &&
  inner.x + inner.width <= outer.x + outer.width &&
  inner.y + inner.height <= outer.y + outer.height;

const overlap = (a: Box, b: Box): boolean =>
  a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height;

it('there is a drawing of every machine in the project', () => {
  const files = readdirSync(SOURCE, { recursive: true, encoding: 'utf8' }).filter((file) =>
    file.endsWith('.ts'),
  );
  const machines = files.flatMap((file) => {
    const text = readFileSync(join(SOURCE, file), 'utf8');
    return [...text.matchAll(/\.createMachine\(\{\s+id: '(\w+)'/g)].map(([, id = '']) => id);
  });
  expect([...CHART_NAMES].sort()).toEqual(machines.sort());
  expect([...CHART_NAMES].sort()).toEqual(Object.keys(MACHINES).sort());
});

describe.each(Object.entries(MACHINES))('the drawing of %s', (name, machine) => {
  const svg = (): string => chartOf(name as (typeof CHART_NAMES)[number]).svg;
  let drawn = '';

  beforeAll(async () => {
    drawn = moduleText(name, await drawChart(machine));
  });

  it('is up to date: `npm run charts` draws it again', () => {
    expect(readFileSync(join(SOURCE, `console/charts/drawn/${name}.ts`), 'utf8') === drawn).toBe(true);
  });

  it('shows every state once', () => {
    const ids = nodesOf(machine.root).map(({ id }) => id);
    expect([...attribute(svg(), 'data-state')].sort()).toEqual(ids.sort());
  });

  it('shows every transition once, also in the textual view', () => {
    const expected = [...transitionsIn(machine.root)].sort();
    expect([...attribute(svg(), 'data-edge')].sort()).toEqual(expected);
    const [root] = chartOf(name as (typeof CHART_NAMES)[number]).states;
    expect(
      flat(root!)
        .flatMap(({ transitions }) => transitions.map(({ edge }) => edge))
        .sort(),
    ).toEqual(expected);
  });

  it('names every guard', () => {
    const guards = nodesOf(machine.root).flatMap((state) =>
      [...state.transitions.values(), state.always ?? []].flat().flatMap(({ guard }) => guard ?? []),
    );
    for (const guard of guards) {
      if (typeof guard !== 'string') throw new Error('a guard has no name');
      expect(svg()).toContain(`[${guard}]`);
    }
  });

  it('is well-formed, with a title, without colours or scripts', () => {
    const names = elementNames(svg());
    expect(new Set(names)).toEqual(
      new Set(
        ['svg', 'title', 'desc', 'defs', 'marker', 'path', 'g', 'rect', 'text', 'circle'].filter((tag) =>
          names.includes(tag),
        ),
      ),
    );
    expect(svg()).toMatch(/<title id="chart-\w+-title">Statechart: /);
    expect(svg()).not.toMatch(/\s(fill|stroke|style|on\w+|href)=/);
    const ids = attribute(svg(), 'id');
    expect(new Set(ids).size).toBe(ids.length);
  });

  it('keeps boxes inside their parents and apart from their brothers', async () => {
    const root = nestedStates(machine);
    const { boxes } = await layOut(root);
    for (const state of flat(root)) {
      for (const child of state.states) {
        expect(isInside(boxes.get(child.id)!, boxes.get(state.id)!)).toBe(true);
        for (const brother of state.states) {
          if (brother !== child) expect(overlap(boxes.get(child.id)!, boxes.get(brother.id)!)).toBe(false);
        }
      }
    }
  });

  it('keeps the parts of its labels off the boxes of states that have no others inside', async () => {
    const root = nestedStates(machine);
    const { boxes, routes } = await layOut(root);
    const leaves = flat(root).filter(({ states }) => states.length === 0);
    for (const { label } of routes) {
      if (label === null) continue;
      for (const { id } of leaves) expect(overlap(label, boxes.get(id)!)).toBe(false);
    }
  });
});

it('a snapshot names the boxes to light', () => {
  expect(stateIdsOf('account', 'hydrating')).toEqual(['account', 'account.hydrating']);
  expect(stateIdsOf('account', { active: 'idle' })).toEqual([
    'account',
    'account.active',
    'account.active.idle',
  ]);
  expect(stateIdsOf('m', { a: { b: 'c' }, d: 'e' })).toEqual([
    'm',
    'm.a',
    'm.a.b',
    'm.a.b.c',
    'm.d',
    'm.d.e',
  ]);
  const shown = new Set(attribute(chartOf('account').svg, 'data-state'));
  for (const id of stateIdsOf('account', { active: 'committing' })) expect(shown.has(id)).toBe(true);
});
