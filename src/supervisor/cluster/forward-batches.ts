import { LIMITS } from '../../limits.ts';
import { forwardBytes } from './forward-codec.ts';
import type { Forward } from './forward.ts';

/** Cuts what is due for one inbox into batches, by count and bytes. A body above the bound travels alone. */
export function batchesOf(forwards: readonly Forward[]): Forward[][] {
  const batches: Forward[][] = [];
  let batch: Forward[] = [];
  let bytes = 0;
  for (const forward of forwards) {
    const size = forwardBytes(forward);
    const full = batch.length >= LIMITS.forwardBatchMax || bytes + size > LIMITS.forwardBatchBytesMax;
    if (full && batch.length > 0) {
      batches.push(batch);
      batch = [];
      bytes = 0;
    }
    batch.push(forward);
    bytes += size;
  }
  if (batch.length > 0) batches.push(batch);
  return batches;
}
