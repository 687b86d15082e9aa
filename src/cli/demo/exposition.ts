import { histogramQuantile } from '../../infra/histogram-quantile.ts';

/** Reads the Prometheus text format of our own `/metrics`: enough of it for the demonstration's figures. */

export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

const LINE = /^(?<name>[a-zA-Z_:][\w:]*)(?:\{(?<labels>.*)\})? (?<value>\S+)$/;
const LABEL = /(?<key>[a-zA-Z_]\w*)="(?<text>(?:[^"\\]|\\.)*)"/g;

export function parseExposition(text: string): readonly Sample[] {
  return text.split('\n').flatMap((line) => {
    const groups = line.startsWith('#') ? undefined : LINE.exec(line)?.groups;
    if (groups === undefined) return [];
    const labels = [...(groups['labels'] ?? '').matchAll(LABEL)].map((match) => [
      match.groups?.['key'] ?? '',
      match.groups?.['text'] ?? '',
    ]);
    return [
      {
        name: groups['name'] ?? '',
        labels: Object.fromEntries(labels) as Record<string, string>,
        value: Number(groups['value']),
      },
    ];
  });
}

/** Sum over all samples of a name whose labels match. */
export function total(
  samples: readonly Sample[],
  name: string,
  labels: Readonly<Record<string, string>> = {},
): number {
  return samples
    .filter((sample) => sample.name === name)
    .filter((sample) => Object.entries(labels).every(([key, value]) => sample.labels[key] === value))
    .reduce((sum, sample) => sum + sample.value, 0);
}

/** Adds two sets of samples, name by name and label by label. */
export function addSamples(one: readonly Sample[], other: readonly Sample[]): readonly Sample[] {
  const sums = new Map<string, Sample>();
  for (const sample of [...one, ...other]) {
    const key = `${sample.name} ${JSON.stringify(sample.labels)}`;
    sums.set(key, { ...sample, value: sample.value + (sums.get(key)?.value ?? 0) });
  }
  return [...sums.values()];
}

/** Cumulative histogram counts by upper bound, summed over all series. */
export function buckets(samples: readonly Sample[], name: string): ReadonlyMap<number, number> {
  const found = new Map<number, number>();
  for (const sample of samples) {
    if (sample.name !== `${name}_bucket`) continue;
    const bound = sample.labels['le'] === '+Inf' ? Infinity : Number(sample.labels['le']);
    found.set(bound, (found.get(bound) ?? 0) + sample.value);
  }
  return found;
}

/** Quantile of what a histogram saw between two readings, in the histogram's unit; null when nothing was seen. */
export function quantile(
  before: ReadonlyMap<number, number>,
  after: ReadonlyMap<number, number>,
  q: number,
): number | null {
  const bounds = [...after.keys()].sort((a, b) => a - b);
  const seen = bounds.map((bound) => (after.get(bound) ?? 0) - (before.get(bound) ?? 0));
  const counts = seen.map((upTo, index) => upTo - (seen[index - 1] ?? 0));
  return histogramQuantile(bounds, counts, q);
}
