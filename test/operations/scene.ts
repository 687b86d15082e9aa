import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { startNode } from '../../src/node.ts';
import type { RunningNode } from '../../src/node.ts';
import type { Environment } from '../../src/config.ts';
import { QuietLogger } from '../support/fakes/quiet.ts';
import { prometheusPrograms } from '../support/prometheus-programs.ts';
import { freshRedis, freshVhost, withDatabase } from '../support/services.ts';
import type { TestDatabase } from '../support/services.ts';
import { configOf } from '../integration/node-scene.ts';
import type { Place } from '../integration/node-scene.ts';

export const projectFile = (name: string): string => fileURLToPath(new URL(`../../${name}`, import.meta.url));

export interface Scene {
  readonly database: TestDatabase;
  readonly place: Place;
  start(settings?: Environment): Promise<RunningNode>;
  drop(): Promise<void>;
}

/** A database, a vhost and a Redis of their own, and nodes that are drained at the end. */
export async function openScene(): Promise<Scene> {
  const [database, vhost, redis] = await Promise.all([withDatabase(), freshVhost(), freshRedis()]);
  const place = { databaseUrl: database.url, rabbitmqUrl: vhost.url, redisUrl: redis.url };
  const nodes: RunningNode[] = [];
  return {
    database,
    place,
    start: async (settings = {}) => {
      const node = await startNode(configOf(place, settings), { logger: new QuietLogger() });
      nodes.push(node);
      return node;
    },
    drop: async () => {
      await Promise.all(nodes.map((node) => node.drain()));
      await Promise.all([database.drop(), vhost.drop(), redis.drop()]);
    },
  };
}

/** What `promtool` said, and whether it was content. */
export async function promtool(args: readonly string[], input = ''): Promise<string> {
  const result = await execa(prometheusPrograms().promtool, args, { input, all: true, reject: false });
  if (result.exitCode !== 0 || result.all.trim() !== '')
    return `exit ${result.exitCode ?? -1}: ${result.all}`;
  return '';
}

/** A folder with these files, gone after `use`. */
export async function withFiles<T>(
  files: Readonly<Record<string, string>>,
  use: (directory: string) => Promise<T>,
): Promise<T> {
  const directory = await mkdtemp(join(tmpdir(), 'paygate-operations-'));
  try {
    for (const [name, text] of Object.entries(files)) await writeFile(join(directory, name), text);
    return await use(directory);
  } finally {
    await rm(directory, { recursive: true });
  }
}
