import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';

/**
 * Which processes there are, and whether one is still the one we mean.
 *
 * A pid alone is no name: after a reboot, or once it has ended, another program may have it. On Linux the moment of
 * its start (field 22 of /proc/<pid>/stat, in clock ticks since boot) is kept with it; elsewhere it stays null and only
 * the pid is compared.
 */
export interface ProcessName {
  readonly pid: number;
  readonly startTicks: string | null;
}

const POLL_MS = 15;

interface Stat {
  readonly state: string;
  readonly parent: number;
  readonly startTicks: string;
}

function readStat(pid: number): Stat | null {
  try {
    // The second field is the program's name in brackets and may hold spaces and brackets itself.
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const [state, parent, ...rest] = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return { state: state ?? '?', parent: Number(parent), startTicks: rest[17] ?? '' };
  } catch {
    return null; // gone, or a system without /proc
  }
}

export function processName(pid: number): ProcessName {
  return { pid, startTicks: readStat(pid)?.startTicks ?? null };
}

/** False for one that has ended, even where its parent has not noticed yet, and for another one under the same pid. */
export function isRunning(name: ProcessName): boolean {
  if (name.startTicks !== null) {
    const stat = readStat(name.pid);
    return stat !== null && stat.state !== 'Z' && stat.startTicks === name.startTicks;
  }
  try {
    process.kill(name.pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** Whether its pid is still taken: by itself, or by what is left of it until its parent notices that it has ended. */
export function isListed(name: ProcessName): boolean {
  const stat = readStat(name.pid);
  return stat !== null && stat.startTicks === name.startTicks;
}

/** Frozen by SIGSTOP, or ended. Where the system does not say, the signal is taken to have worked. */
export function isStill(pid: number): boolean {
  const stat = readStat(pid);
  return stat === null || stat.state === 'T' || stat.state === 'Z';
}

async function parents(): Promise<ReadonlyMap<number, number>> {
  if (process.platform === 'linux') {
    const pids = readdirSync('/proc').filter((entry) => /^\d+$/.test(entry));
    return new Map(pids.map((pid) => [Number(pid), readStat(Number(pid))?.parent ?? 0]));
  }
  const { stdout } = await execa('ps', ['-A', '-o', 'pid=,ppid=']);
  return new Map(
    stdout.split('\n').map((line) => {
      const [pid, parent] = line.trim().split(/\s+/);
      return [Number(pid), Number(parent)];
    }),
  );
}

/** The process and all that descend from it, parents first. PostgreSQL's backends leave its process group, so a group is not enough. */
export async function processTree(root: number): Promise<readonly number[]> {
  const parentOf = await parents();
  const tree = [root];
  for (const member of tree) {
    for (const [pid, parent] of parentOf) if (parent === member) tree.push(pid);
  }
  return tree;
}

/** Signals a process or, with a negative number, its group. False where there is none any more. */
export function signal(pid: number, name: NodeJS.Signals): boolean {
  try {
    process.kill(pid, name);
    return true;
  } catch {
    return false;
  }
}

/** Whether all of them were gone (or, with `isListed`, even their pids) within the time. */
export async function waitUntilGone(
  names: readonly ProcessName[],
  timeoutMs: number,
  isThere: (name: ProcessName) => boolean = isRunning,
): Promise<boolean> {
  const deadline = Date.now() + timeoutMs;
  while (names.some(isThere)) {
    if (Date.now() > deadline) return false;
    await sleep(POLL_MS);
  }
  return true;
}
