import type { TestProject } from 'vitest/node';
import pg from 'pg';
import { migrate } from '../../src/infra/postgres/migrate.ts';
import type { BrokerControl } from '../../src/infra/services/broker-control.ts';
import { claimPlace } from '../../src/infra/services/claim-place.ts';

/**
 * Servers for one test run: started before the first test file, ended after the last one.
 *
 * Holds: one PostgreSQL with a migrated template database, one RabbitMQ, one Redis, shared by all test files. A test
 * that restarts, pauses, flushes or fills a server starts its own with `startServers` instead.
 */
export interface SharedServers {
  readonly databaseUrl: string;
  readonly rabbitmqUrl: string;
  readonly redisUrl: string;
  /** Database to clone; null: none was made. */
  readonly templateName: string;
  /** null: the broker is not ours, and its one vhost is shared by all tests. */
  readonly brokerControl: BrokerControl | null;
  /** `numbered`: every test may have its own Redis database. `one`: the one that the URL names. */
  readonly redisDatabases: 'numbered' | 'one';
}

declare module 'vitest' {
  export interface ProvidedContext {
    servers: SharedServers;
  }
}

/** Makes the template; the database is closed again, since one that is in use cannot be cloned. */
async function makeTemplate(databaseUrl: string): Promise<string> {
  const name = `paygate_test_template_${process.pid}`;
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    await client.query(`create database ${name} template template0`);
  } finally {
    await client.end();
  }
  const template = new URL(databaseUrl);
  template.pathname = `/${name}`;
  await migrate(template.href);
  return name;
}

async function dropTemplate(databaseUrl: string, name: string): Promise<void> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  await client.query(`drop database if exists ${name} with (force)`);
  await client.end();
}

/** Servers that run, and how to end them. */
interface StartedServers {
  readonly servers: SharedServers;
  readonly end: () => Promise<void>;
}

async function startSharedServers(): Promise<StartedServers> {
  const place = await claimPlace({
    env: process.env,
    prefix: 'PAYGATE_TEST',
    allowInstall: true,
    onProgress: (line) => process.stderr.write(`servers: ${line}\n`),
  });
  try {
    const templateName = await makeTemplate(place.databaseUrl);
    const servers: SharedServers = {
      databaseUrl: place.databaseUrl,
      rabbitmqUrl: place.rabbitmqUrl,
      redisUrl: place.redisUrl,
      templateName,
      brokerControl: place.brokerControl,
      redisDatabases: place.started.redis === undefined ? 'one' : 'numbered',
    };
    const end = async (): Promise<void> => {
      // A database on a server of ours goes with the server.
      if (place.started.postgres === undefined) await dropTemplate(place.databaseUrl, templateName);
      await place.release();
    };
    return { servers, end };
  } catch (error) {
    await place.release();
    throw error;
  }
}

/** Every project that needs servers loads this file into a module of its own; they share one set all the same. */
const run = globalThis as {
  paygateTestServers?: { projects: number; readonly started: Promise<StartedServers> };
};

export default async function useSharedServers(project: TestProject): Promise<() => Promise<void>> {
  const shared = (run.paygateTestServers ??= { projects: 0, started: startSharedServers() });
  shared.projects += 1;
  const { servers, end } = await shared.started;
  project.provide('servers', servers);
  return async () => {
    shared.projects -= 1;
    if (shared.projects === 0) await end();
  };
}
