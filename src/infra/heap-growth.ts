import { setFlagsFromString } from 'node:v8';

/** How much garbage V8 lets gather before it marks and sweeps, in percent of what was alive the last time. From now on. */
export function boundHeapGrowth(percent: number): void {
  setFlagsFromString(`--heap-growing-percent=${percent}`);
}
