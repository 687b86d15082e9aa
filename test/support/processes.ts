import { readdirSync, readFileSync } from 'node:fs';

/** What /proc says about a process; the empty string once it is gone or where we may not look. */
function procFile(pid: number, name: string): string {
  try {
    return readFileSync(`/proc/${pid}/${name}`, 'latin1');
  } catch {
    return '';
  }
}

/** One letter: R running, S sleeping, T stopped, Z ended. */
export function stateOf(pid: number): string {
  const stat = procFile(pid, 'stat');
  return stat.charAt(stat.lastIndexOf(')') + 2);
}

/** Command lines of the live processes that have this directory in their arguments or environment. */
export function processesIn(directory: string): readonly string[] {
  const pids = readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .map(Number);
  return pids
    .filter((pid) => pid !== process.pid && stateOf(pid) !== 'Z')
    .filter((pid) => (procFile(pid, 'cmdline') + procFile(pid, 'environ')).includes(directory))
    .map((pid) => procFile(pid, 'cmdline').replaceAll('\0', ' ').trim());
}
