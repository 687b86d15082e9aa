/** A soak that calls a leaking node flat proves nothing; one that cries at every burst is switched off. */
import { describe, expect, it } from 'vitest';
import { SeededRandom } from '../../../src/drive/seeded-random.ts';
import { judgeLife } from '../../../soak/judge-growth.ts';
import type { LifeReport } from '../../../soak/judge-growth.ts';
import type { NodeSample } from '../../../soak/node-lives.ts';

const MB = 1_000_000;
const MINUTE_MS = 60_000;
const EVERY_MS = 5_000;

/** A process as it is: it grows up for two minutes, its heap goes up and down, and an outage now and then fills its buffers. */
function life(minutes: number, change: (sample: NodeSample) => Partial<NodeSample> = () => ({})): LifeReport {
  const random = new SeededRandom('life');
  const samples = Array.from({ length: (minutes * MINUTE_MS) / EVERY_MS }, (_, index) => {
    const atMs = index * EVERY_MS;
    const young = Math.max(0, 1 - atMs / (2 * MINUTE_MS));
    const burst = Math.floor(atMs / MINUTE_MS) % 5 === 4 ? 1 : 0;
    const sample = {
      atMs,
      residentBytes: (150 - 60 * young + 60 * burst + random.below(10)) * MB,
      heapBytes: (50 - 20 * young + 40 * burst + random.below(25)) * MB,
      descriptors: 40 - 15 * burst + random.below(3),
      handles: 60 - 15 * burst + random.below(6),
    };
    return { ...sample, ...change(sample) };
  });
  return judgeLife({ nodeId: 'node-1', pid: 1, samples });
}

const growing = (report: LifeReport): readonly string[] =>
  report.growths.filter(({ verdict }) => verdict === 'grows').map(({ figure }) => figure);

describe.each([15, 30, 240])('in %s minutes', (minutes) => {
  const grownUp = ({ atMs }: NodeSample): number => atMs / (minutes * MINUTE_MS);

  it('a process that grows up, collects and has bursts is flat', () => {
    const report = life(minutes);
    expect(report.growths).toHaveLength(4);
    expect(growing(report)).toEqual([]);
  });

  it.each([
    ['heap', (sample: NodeSample) => ({ heapBytes: (sample.heapBytes ?? 0) + 90 * MB * grownUp(sample) })],
    [
      'resident memory',
      (sample: NodeSample) => ({ residentBytes: (sample.residentBytes ?? 0) + 120 * MB * grownUp(sample) }),
    ],
    [
      'descriptors',
      (sample: NodeSample) => ({ descriptors: (sample.descriptors ?? 0) + Math.round(30 * grownUp(sample)) }),
    ],
    [
      'handles',
      (sample: NodeSample) => ({ handles: (sample.handles ?? 0) + Math.round(100 * grownUp(sample)) }),
    ],
  ])('a leak shows: %s', (figure, leak) => {
    expect(growing(life(minutes, leak))).toEqual([figure]);
  });
});

it('what grew once and then stayed is not called a leak', () => {
  const step = (sample: NodeSample): Partial<NodeSample> =>
    sample.atMs > 8 * MINUTE_MS ? { residentBytes: (sample.residentBytes ?? 0) + 100 * MB } : {};
  expect(growing(life(30, step))).toEqual([]);
});

it('tells the rate of growth per hour', () => {
  const leak = (sample: NodeSample): Partial<NodeSample> => ({
    heapBytes: 50 * MB + (sample.atMs / MINUTE_MS) * 2 * MB,
  });
  expect(life(30, leak).growths.find(({ figure }) => figure === 'heap')?.perHour).toBeCloseTo(120, 0);
});

it('does not judge short lives, nor ones with hardly a sample', () => {
  expect(life(3).growths).toEqual([]);
  const few = Array.from({ length: 9 }, (_, index) => ({
    atMs: index * MINUTE_MS,
    residentBytes: index * 100 * MB,
    heapBytes: 0,
    descriptors: 0,
    handles: 0,
  }));
  expect(judgeLife({ nodeId: 'node-1', pid: 1, samples: few }).growths).toEqual([]);
  expect(judgeLife({ nodeId: 'node-1', pid: 1, samples: [] }).growths).toEqual([]);
});

it('leaves out what the system does not say', () => {
  const figures = life(10, () => ({ descriptors: null })).growths.map(({ figure }) => figure);
  expect(figures).toEqual(['resident memory', 'heap', 'handles']);
});
