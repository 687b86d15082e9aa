import { median } from 'simple-statistics';
import type { NodeLife, NodeSample } from './node-lives.ts';

/**
 * Whether a process has grown. Its life is cut into three equal times. The first is for growing up (code is compiled, caches fill); then the
 * median of the last third may lie above that of the second by no more than an allowance. Medians, because a heap goes up and down
 * between collections, and because a fault fills every buffer for some seconds.
 */

export type FigureName = 'resident memory' | 'heap' | 'descriptors' | 'handles';

interface Figure {
  readonly name: FigureName;
  readonly unit: 'MB' | '';
  readonly of: (sample: NodeSample) => number | null;
  /** What the last third may have more than the second. */
  readonly allowance: (second: number) => number;
}

const MB = 1_000_000;
const megabytes = (bytes: number | null): number | null => (bytes === null ? null : bytes / MB);

export const FIGURES: readonly Figure[] = [
  {
    name: 'resident memory',
    unit: 'MB',
    of: ({ residentBytes }) => megabytes(residentBytes),
    allowance: (second) => Math.max(15, second * 0.1),
  },
  {
    name: 'heap',
    unit: 'MB',
    of: ({ heapBytes }) => megabytes(heapBytes),
    allowance: (second) => Math.max(10, second * 0.15),
  },
  { name: 'descriptors', unit: '', of: ({ descriptors }) => descriptors, allowance: () => 5 },
  {
    name: 'handles',
    unit: '',
    of: ({ handles }) => handles,
    allowance: (second) => Math.max(20, second * 0.25),
  },
];

export interface Growth {
  readonly figure: FigureName;
  readonly unit: 'MB' | '';
  /** Medians. */
  readonly first: number;
  readonly second: number;
  readonly last: number;
  /** From the middle of the second third to the middle of the last, as if it went on. */
  readonly perHour: number;
  readonly verdict: 'flat' | 'grows';
}

export interface LifeReport {
  readonly nodeId: string;
  readonly pid: number;
  readonly seconds: number;
  /** Empty: it did not live long enough to be judged. */
  readonly growths: readonly Growth[];
  readonly samples: readonly NodeSample[];
}

/** Shorter lives are growing up all the time. */
export const LIFE_MIN_MS = 240_000;
/** In each third. */
const SAMPLES_MIN = 8;
const HOUR_MS = 3_600_000;

export function judgeLife({ nodeId, pid, samples }: NodeLife): LifeReport {
  const from = samples[0]?.atMs ?? 0;
  const lastedMs = (samples.at(-1)?.atMs ?? from) - from;
  const third = (number: number): readonly NodeSample[] =>
    samples.filter(({ atMs }) => Math.min(2, Math.floor((3 * (atMs - from)) / (lastedMs + 1))) === number);
  const thirds = [third(0), third(1), third(2)] as const;
  const isLong = lastedMs >= LIFE_MIN_MS && thirds.every((part) => part.length >= SAMPLES_MIN);
  const growths = isLong ? FIGURES.flatMap((figure) => growthOf(figure, thirds, lastedMs)) : [];
  return { nodeId, pid, seconds: Math.round(lastedMs / 1_000), growths, samples };
}

function growthOf(
  figure: Figure,
  thirds: readonly [readonly NodeSample[], readonly NodeSample[], readonly NodeSample[]],
  lastedMs: number,
): readonly Growth[] {
  const [first, second, last] = thirds.map((samples) => {
    const values = samples.map(figure.of).filter((value) => value !== null);
    return values.length === 0 ? null : median(values);
  });
  if (first == null || second == null || last == null) return [];
  const { name, unit, allowance } = figure;
  const verdict = last - second > allowance(second) ? 'grows' : 'flat';
  const perHour = ((last - second) * HOUR_MS) / (lastedMs / 3);
  return [{ figure: name, unit, first, second, last, perHour, verdict }];
}
