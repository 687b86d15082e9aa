import { existsSync, readdirSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import type { Environment } from '../../config.ts';
import type { ServerKind } from './server-kind.ts';

/**
 * Where the servers' programs are. PATH comes last for RabbitMQ: Debian's `rabbitmq-server` in /usr/sbin refuses every
 * user but root and rabbitmq and ignores our settings; the one under lib does neither.
 */
const PLACES: Readonly<Record<ServerKind, readonly string[]>> = {
  postgres: ['/usr/lib/postgresql/*/bin', '/usr/pgsql-*/bin', '/opt/homebrew/opt/postgresql@*/bin'],
  rabbitmq: ['/usr/lib/rabbitmq/bin', '/opt/homebrew/sbin', '/usr/local/sbin', '/usr/sbin'],
  redis: ['/usr/bin', '/usr/local/bin', '/opt/homebrew/bin'],
};

const NEEDED = {
  postgres: ['postgres', 'initdb'],
  rabbitmq: ['rabbitmq-server', 'rabbitmqctl', 'epmd', 'erl'],
  redis: ['redis-server'],
} as const satisfies Readonly<Record<ServerKind, readonly string[]>>;

/** Full paths by program name. */
export type Programs<K extends ServerKind = ServerKind> = Readonly<
  Record<(typeof NEEDED)[K][number], string>
>;

export interface FileSystemView {
  exists(path: string): boolean;
  /** Names in a directory, empty where there is none. */
  list(directory: string): readonly string[];
}

export const realFiles: FileSystemView = {
  exists: existsSync,
  list: (directory) => (existsSync(directory) ? readdirSync(directory) : []),
};

// A place with a star stands for one directory per version, newest first.
function expand(place: string, files: FileSystemView): readonly string[] {
  const star = place.split('/').findIndex((part) => part.includes('*'));
  if (star < 0) return [place];
  const parts = place.split('/');
  const parent = parts.slice(0, star).join('/');
  const [before = '', after = ''] = (parts[star] ?? '').split('*');
  return files
    .list(parent)
    .filter((name) => name.startsWith(before) && name.endsWith(after))
    .toSorted((a, b) => b.localeCompare(a, 'en', { numeric: true }))
    .map((name) => [parent, name, ...parts.slice(star + 1)].join('/'));
}

/** null when any of the server's programs is missing. */
export function findPrograms<K extends ServerKind>(
  kind: K,
  env: Environment,
  files: FileSystemView = realFiles,
): Programs<K> | null {
  const path = (env['PATH'] ?? '').split(delimiter).filter((directory) => directory !== '');
  const directories = [...PLACES[kind].flatMap((place) => expand(place, files)), ...path];
  const found: [string, string][] = [];
  for (const program of NEEDED[kind]) {
    const directory = directories.find((candidate) => files.exists(join(candidate, program)));
    if (directory === undefined) return null;
    found.push([program, join(directory, program)]);
  }
  return Object.fromEntries(found) as Programs<K>;
}
