import { chmodSync, chownSync, mkdirSync, mkdtempSync, readFileSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

/** Whom a server runs as. PostgreSQL refuses to run as root, and no server needs to. */
export interface SystemUser {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

function lookUp(name: string): SystemUser | null {
  const line = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .find((entry) => entry.startsWith(`${name}:`));
  const [, , uid, gid] = line?.split(':') ?? [];
  return uid === undefined || gid === undefined ? null : { name, uid: Number(uid), gid: Number(gid) };
}

export const isRoot = (): boolean => process.getuid?.() === 0;

/** The first of these users that exists when we are root; null = run as ourselves. */
export function serverUser(candidates: readonly string[]): SystemUser | null {
  if (!isRoot()) return null;
  for (const name of candidates) {
    const user = lookUp(name);
    if (user !== null) return user;
  }
  return null;
}

/** Whether every user may pass through this directory and those above it. */
function isPassable(directory: string): boolean {
  const others = 0o001;
  if ((statSync(directory).mode & others) === 0) return false;
  return directory === dirname(directory) || isPassable(dirname(directory));
}

/** A new directory under the system's temporary one that every server's user can reach. */
export function makeServersDirectory(): string {
  const base = isRoot() && !isPassable(tmpdir()) ? '/tmp' : tmpdir();
  const directory = mkdtempSync(join(base, 'paygate-servers-'));
  // What is inside belongs to several users, each with a directory that only it can read.
  if (isRoot()) chmodSync(directory, 0o711);
  return directory;
}

/** A directory that belongs to the user alone. */
export function makeDirectoryFor(user: SystemUser | null, path: string): void {
  mkdirSync(path, { recursive: true, mode: 0o700 });
  if (user !== null) chownSync(path, user.uid, user.gid);
}
