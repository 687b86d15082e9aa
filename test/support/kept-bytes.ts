import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** The first of them leave compiled code and caches behind. */
const ROUNDS = 4;

/** Bytes of the heap that each thing made of `sources` keeps alive, beyond the sources themselves. */
export function keptBytesEach<T>(sources: readonly T[], make: (source: T) => unknown): number {
  const rounds = Array.from({ length: ROUNDS }, () => keptBytes(sources, make));
  return Math.min(...rounds) / sources.length;
}

function keptBytes<T>(sources: readonly T[], make: (source: T) => unknown): number {
  collectGarbage();
  const beforeBytes = process.memoryUsage().heapUsed;
  const kept = sources.map(make);
  collectGarbage();
  const keptNow = process.memoryUsage().heapUsed - beforeBytes;
  if (kept.includes(null)) throw new Error('nothing was made of a source');
  return keptNow;
}
