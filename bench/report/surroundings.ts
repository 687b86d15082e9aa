import { execFileSync } from 'node:child_process';
import { arch, cpus, release, totalmem, type } from 'node:os';
import { connect } from 'amqplib';
import { Redis } from 'ioredis';
import pg from 'pg';
import { version } from '../../src/cli/version.ts';
import type { RunningServers } from '../../src/infra/services/index.ts';

/** Where figures come from: without it they say nothing. */
export interface Surroundings {
  readonly machine: {
    readonly cpu: string;
    readonly cores: number;
    readonly memoryMb: number;
    readonly system: string;
  };
  readonly versions: {
    readonly paygate: string;
    /** null: no Git here. `-dirty`: with changes that are not committed. */
    readonly commit: string | null;
    readonly node: string;
    readonly postgres: string;
    readonly rabbitmq: string;
    readonly redis: string;
  };
}

/** Asks the system, Git and the servers. Rejects when a server does not answer. */
export async function readSurroundings(servers: RunningServers): Promise<Surroundings> {
  const [first] = cpus();
  return {
    machine: {
      cpu: first?.model.trim() ?? 'unknown',
      cores: cpus().length,
      memoryMb: Math.round(totalmem() / 1_000_000),
      system: `${type()} ${release()} ${arch()}`,
    },
    versions: {
      paygate: version,
      commit: commitOf(),
      node: process.versions.node,
      postgres: await postgresVersion(servers.postgres.url),
      rabbitmq: await rabbitmqVersion(servers.rabbitmq.url),
      redis: await redisVersion(servers.redis.url),
    },
  };
}

function commitOf(): string | null {
  try {
    return execFileSync('git', ['describe', '--always', '--dirty', '--abbrev=12', '--exclude=*'], {
      cwd: new URL('../..', import.meta.url),
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim();
  } catch {
    return null;
  }
}

async function postgresVersion(url: string): Promise<string> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const { rows } = await client.query<{ version: string }>(
      `select current_setting('server_version') as version`,
    );
    return rows[0]?.version ?? 'unknown';
  } finally {
    await client.end();
  }
}

async function rabbitmqVersion(url: string): Promise<string> {
  const model = await connect(url);
  const version: unknown = Reflect.get(model.connection.serverProperties, 'version');
  await model.close();
  return String(version);
}

async function redisVersion(url: string): Promise<string> {
  const redis = new Redis(url);
  try {
    return /^redis_version:(\S+)/m.exec(await redis.info('server'))?.[1] ?? 'unknown';
  } finally {
    redis.disconnect();
  }
}
