/** Without these a profile could charge the wrong function, or count time in which nothing was done. */
import { expect, test } from 'vitest';
import { flameGraph } from '../../../bench/profile/flame-graph.ts';
import { cpuFrames, heapFrames, ownerOf, selfCosts } from '../../../bench/profile/frames.ts';

const frame = (functionName: string, url = '', lineNumber = 0) => ({ functionName, url, lineNumber });

const PROFILE = {
  nodes: [
    { id: 1, callFrame: frame('(root)'), children: [2, 3, 5] },
    { id: 2, callFrame: frame('(idle)') },
    { id: 3, callFrame: frame('decide', 'file:///home/a/dist/domain/decide.js', 9), children: [4] },
    { id: 4, callFrame: frame('parse', 'file:///home/a/node_modules/pg/lib/parser.js', 0) },
    { id: 5, callFrame: frame('', 'file:///home/a/dist/main.js', 1), children: [6] },
    { id: 6, callFrame: frame('parse', 'file:///home/a/node_modules/pg/lib/parser.js', 0) },
  ],
  samples: [2, 3, 4, 4, 6],
  timeDeltas: [1_000, 10, 20, 30, 5],
};

test('each function is charged what its samples stand for, idle time is nobody’s', () => {
  const root = cpuFrames(PROFILE);
  expect(root.total).toBe(65);
  expect(selfCosts(root)).toEqual([
    { name: 'parse', place: 'pg/lib/parser.js:1', self: 55 },
    { name: 'decide', place: 'dist/domain/decide.js:10', self: 10 },
  ]);
  expect(root.children.map(({ name, total }) => [name, total])).toEqual([
    ['decide', 60],
    ['(anonymous)', 5],
  ]);
});

test('a heap profile is read into the same frames', () => {
  const leaf = { callFrame: frame('Buffer', 'node:buffer', 3), selfSize: 16, children: [] };
  const root = heapFrames({ head: { callFrame: frame('(root)'), selfSize: 0, children: [leaf] } });
  expect(root.total).toBe(16);
  expect(selfCosts(root)).toEqual([{ name: 'Buffer', place: 'node:buffer:4', self: 16 }]);
});

test('it is told whose code a place is', () => {
  const places = ['', 'dist/main.js:1', 'node:net:7', 'pg/lib/client.js:3', '@opentelemetry/api/x.js:1'];
  expect(places.map(ownerOf)).toEqual(['V8', 'paygate', 'node', 'pg', '@opentelemetry/api']);
});

test('the flame graph shows names as text, and shares', () => {
  const svg = flameGraph(cpuFrames(PROFILE), 'a < b');
  expect(svg).toContain('a &#60; b');
  expect(svg).toContain('decide\ndist/domain/decide.js:10\n92.3 %, itself 15.4 %');
});

test('a box has as much of its name as it is wide', () => {
  const narrow = { name: 'aLongName', place: '', self: 1, total: 1, children: [] };
  const wide = { name: 'another', place: '', self: 999, total: 999, children: [] };
  const svg = flameGraph({ name: 'root', place: '', self: 0, total: 1_000, children: [wide, narrow] }, '');
  const texts = [...svg.matchAll(/<text[^>]*>([^<]*)</g)].map((match) => match[1]);
  expect(texts).toEqual(['', 'root', 'another']);
});
