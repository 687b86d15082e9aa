import { readFileSync, writeFileSync } from 'node:fs';
import { processTree } from '../../src/infra/services/process-table.ts';

/** What processes cost, from /proc; null where the system has none, or where they run in a container. */

/** `USER_HZ`: the same on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100;

export interface CpuSource {
  readonly pid: number | null;
  /** `tree`: with all that descend from it, and those of its own children that have ended. */
  readonly extent: 'alone' | 'tree';
}

/** CPU so far, user and system, of all of them together, in milliseconds. */
export async function cpuMs(sources: readonly CpuSource[]): Promise<number | null> {
  let ticks = 0;
  for (const { pid, extent } of sources) {
    if (pid === null) return null;
    const family = extent === 'alone' ? [pid] : await processTree(pid);
    for (const member of family) {
      const used = ticksOf(member);
      if (used === null) continue;
      ticks += used.own + (extent === 'tree' ? used.ofEndedChildren : 0);
    }
  }
  return (ticks * 1_000) / TICKS_PER_SECOND;
}

function ticksOf(pid: number): { readonly own: number; readonly ofEndedChildren: number } | null {
  try {
    return parseTicks(readFileSync(`/proc/${pid}/stat`, 'latin1'));
  } catch {
    return null; // ended meanwhile: its parent has it
  }
}

/** Fields 14 to 17 of /proc/<pid>/stat; the second one is a name in brackets and may hold brackets and blanks. */
export function parseTicks(stat: string): { readonly own: number; readonly ofEndedChildren: number } {
  const fields = stat
    .slice(stat.lastIndexOf(')') + 2)
    .split(' ')
    .map(Number);
  const [user = 0, system = 0, childrenUser = 0, childrenSystem = 0] = fields.slice(11, 15);
  return { own: user + system, ofEndedChildren: childrenUser + childrenSystem };
}

/** The largest resident memory of the process since it began, or since `forgetPeak`, in bytes. */
export function peakResidentBytes(pid: number): number | null {
  try {
    const kilobytes = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1];
    return kilobytes === undefined ? null : Number(kilobytes) * 1_024;
  } catch {
    return null;
  }
}

/** From now on `peakResidentBytes` tells of what comes. Where the system refuses, it goes on telling of everything. */
export function forgetPeak(pid: number): void {
  try {
    writeFileSync(`/proc/${pid}/clear_refs`, '5');
  } catch {
    // A container may be without the right; a peak that includes the start is still true.
  }
}
