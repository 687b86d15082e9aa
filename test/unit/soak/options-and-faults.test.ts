/** Without this: a seed that does not draw the same faults again, kinds of faults that are never drawn, options that are not what they say. */
import { expect, it } from 'vitest';
import { SeededRandom } from '../../../src/drive/seeded-random.ts';
import { readOptions } from '../../../soak/options.ts';
import { FAULT_KINDS, faultRow } from '../../cluster/support/faults.ts';
import type { PlannedFault } from '../../cluster/support/faults.ts';

const NODES = ['node-1', 'node-2', 'node-3'];
const MORTALS = ['node-1', 'node-3'];

function drawn(seed: string, count: number): readonly PlannedFault[] {
  const row = faultRow(new SeededRandom(seed), { nodes: NODES, mortals: MORTALS });
  return Array.from({ length: count }, () => row.next().value);
}

const wordsOf = (faults: readonly PlannedFault[]): readonly string[] => faults.map(({ what }) => what);

it('a seed draws the same faults again, another one others', () => {
  expect(wordsOf(drawn('a', 100))).toEqual(wordsOf(drawn('a', 100)));
  expect(wordsOf(drawn('b', 100))).not.toEqual(wordsOf(drawn('a', 100)));
});

it('every kind comes before any comes again', () => {
  const kinds = drawn('a', FAULT_KINDS.length).map(({ kind }) => kind);
  expect(kinds.toSorted()).toEqual(FAULT_KINDS.toSorted());
});

it('the process of the one that is to grow old never ends', () => {
  const ends = new Set(['node-killed', 'two-nodes-killed', 'node-leaves', 'rolling-restart']);
  const endings = drawn('a', 500).filter(({ kind }) => ends.has(kind));
  expect(endings.length).toBeGreaterThan(100);
  expect(wordsOf(endings).filter((what) => what.includes('node-2'))).toEqual([]);
});

it('options', () => {
  expect(readOptions(['--minutes', '0.5', '--rate', '300', '--seed', 'x', '--json'])).toEqual({
    minutes: 0.5,
    ratePerSecond: 300,
    seed: 'x',
    faults: FAULT_KINDS,
    logs: null,
    format: 'json',
  });
  expect(readOptions(['--faults', 'redis-killed,node-frozen'])?.faults).toEqual([
    'redis-killed',
    'node-frozen',
  ]);
  expect(readOptions(['--help'])).toBeNull();
  expect(readOptions([])?.seed).not.toBe(readOptions([])?.seed);
  for (const wrong of [
    ['--minutes', '0'],
    ['--minutes', 'ten'],
    ['--rate', '1e9'],
    ['--nodes', '3'],
    ['--faults', 'rain'],
  ])
    expect(() => readOptions(wrong), wrong.join(' ')).toThrow();
});
