import { chownSync, writeFileSync } from 'node:fs';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { execa } from 'execa';
import getPort from 'get-port';
import pg from 'pg';
import type { Recipe } from './private-server.ts';
import type { Programs } from './programs.ts';
import { serverAnswers } from './server-answers.ts';
import { ServerError } from './server-kind.ts';
import type { SystemUser } from './system-user.ts';
import { makeDirectoryFor, serverUser } from './system-user.ts';

const SUPERUSER = 'paygate';
const DATABASE = 'paygate';
const LOOPBACK = '127.0.0.1';

/** Durable as in production (fsync, synchronous_commit), and roomy enough that a load test measures commits, not checkpoints. */
const SETTINGS = {
  listen_addresses: LOOPBACK,
  unix_socket_directories: '',
  fsync: 'on',
  synchronous_commit: 'on',
  max_connections: '200',
  shared_buffers: '256MB',
  max_wal_size: '4GB',
  checkpoint_timeout: '15min',
  logging_collector: 'off',
} as const;

async function initialise(
  programs: Programs<'postgres'>,
  directory: string,
  user: SystemUser | null,
  password: string,
): Promise<string> {
  const data = join(directory, 'data');
  const passwordFile = join(directory, 'password');
  writeFileSync(passwordFile, password, { mode: 0o600 });
  if (user !== null) chownSync(passwordFile, user.uid, user.gid);
  const options = ['--encoding=UTF8', '--locale=C', '--auth=scram-sha-256', '--no-sync', '--no-instructions'];
  const result = await execa(
    programs.initdb,
    ['-D', data, `--username=${SUPERUSER}`, `--pwfile=${passwordFile}`, ...options],
    {
      cwd: directory,
      reject: false,
      stdin: 'ignore',
      ...(user === null ? {} : { uid: user.uid, gid: user.gid }),
    },
  );
  if (result.failed) throw new ServerError(`initdb failed: ${result.stderr || result.message}`);
  return data;
}

/** Makes the database in the first moment the server runs; later starts find it there. */
async function createDatabase(maintenanceUrl: string): Promise<void> {
  const client = new pg.Client({ connectionString: maintenanceUrl });
  await client.connect();
  try {
    const found = await client.query('select 1 from pg_database where datname = $1', [DATABASE]);
    if (found.rowCount === 0) await client.query(`create database ${DATABASE}`);
  } finally {
    await client.end();
  }
}

/** A cluster of its own in `directory`, with a random password, and one empty database. */
export async function preparePostgres(programs: Programs<'postgres'>, directory: string): Promise<Recipe> {
  const user = serverUser(['postgres', 'nobody']);
  makeDirectoryFor(user, directory);
  const password = randomBytes(12).toString('hex');
  const [data, port] = await Promise.all([
    initialise(programs, directory, user, password),
    getPort({ host: LOOPBACK }),
  ]);
  const server = `postgres://${SUPERUSER}:${password}@${LOOPBACK}:${port}`;
  const settings = Object.entries({ ...SETTINGS, port: String(port) });
  return {
    kind: 'postgres',
    url: `${server}/${DATABASE}`,
    stopSignal: 'SIGINT', // "fast": rolls back what is open and writes a checkpoint
    steps: [
      {
        launch: {
          program: programs.postgres,
          args: ['-D', data, ...settings.flatMap(([name, value]) => ['-c', `${name}=${value}`])],
          cwd: directory,
          env: { LC_ALL: 'C', TZ: 'UTC' },
          user,
          logFile: join(directory, 'postgres.log'),
          endSignal: 'SIGQUIT',
        },
        probe: async () => {
          await serverAnswers.postgres(`${server}/postgres`);
          await createDatabase(`${server}/postgres`);
        },
      },
    ],
  };
}
