import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { connectionSettings } from './pool.ts';
import { ADVISORY_LOCKS } from './advisory-locks.ts';
import { grantRuntimeRole } from './grants.ts';

/**
 * Brings the schema `processor` up to this version of the program: the numbered files in `migrations/`.
 *
 * M1. All pending files are one transaction: the schema is never half-way between two versions.
 * M2. One migration at a time per database: a session advisory lock, for which the second one waits.
 * M3. A file that was applied never changes: its digest is kept beside its name, and another digest is refused.
 */

export interface MigrateOptions {
  /** Called once per applied file, after the commit of all of them. */
  readonly onProgress?: (progress: Progress) => void;
  /** The role that nodes and commands log in as: it is given its rights, on every run. null or absent: none. */
  readonly runtimeRole?: string | null;
  /** Where the files are; the program's own unless a test says otherwise. */
  readonly directory?: string;
}

/** How far a long piece of work is. */
export interface Progress {
  /** In words, for a person. */
  readonly step: string;
  readonly done: number;
  readonly total: number;
}

export type MigrationProblem = 'changed' | 'program-too-old' | 'failed';

export class MigrationError extends Error {
  override readonly name = 'MigrationError';
  readonly problem: MigrationProblem;

  constructor(problem: MigrationProblem, message: string, options?: ErrorOptions) {
    super(message, options);
    this.problem = problem;
  }
}

interface MigrationFile {
  readonly name: string;
  readonly sha256: string;
}

// The same distance from src/ and from dist/.
const MIGRATIONS = fileURLToPath(new URL('../../../migrations', import.meta.url));

/**
 * Applies what is missing; returns the names of the files applied, none on a second run.
 *
 * A client stays open and keeps its session settings; for a URL a connection is made and closed.
 * Throws `MigrationError`, `GrantRefusal`, or the driver's error when the database cannot be reached.
 */
export async function migrate(
  database: string | pg.Client,
  options: MigrateOptions = {},
): Promise<readonly string[]> {
  if (typeof database !== 'string') return migrateLocked(database, options);
  const client = new pg.Client({
    ...connectionSettings({ databaseUrl: database, applicationName: 'paygate:migrate' }),
    // A migration may take long, and the second of two waits for the first.
    statement_timeout: 0,
    lock_timeout: 0,
  });
  let lost: Error | undefined;
  client.on('error', (error) => (lost = error));
  await client.connect();
  try {
    return await migrateLocked(client, options);
  } finally {
    if (lost === undefined) await client.end();
  }
}

async function migrateLocked(client: pg.Client, options: MigrateOptions): Promise<readonly string[]> {
  await client.query('select pg_advisory_lock($1)', [ADVISORY_LOCKS.migrate]);
  try {
    const applied = await applyPending(client, options);
    if (options.runtimeRole != null) await grantRuntimeRole(client, options.runtimeRole);
    return applied;
  } finally {
    // A failure to unlock means that the connection is gone, and the lock with it.
    await client.query('select pg_advisory_unlock($1)', [ADVISORY_LOCKS.migrate]).catch(() => undefined);
  }
}

async function applyPending(client: pg.Client, options: MigrateOptions): Promise<readonly string[]> {
  const directory = options.directory ?? MIGRATIONS;
  const files = await migrationFiles(directory);
  const pending = pendingOf(files, await appliedMigrations(client));
  if (pending.length === 0) return [];
  await run(client, directory);
  await rememberDigests(client, files);
  pending.forEach((name, index) =>
    options.onProgress?.({ step: `applied ${name}`, done: index + 1, total: pending.length }),
  );
  return pending;
}

/** Names of the files that this database still lacks. Throws `MigrationError` where it was migrated by another program. */
export async function pendingMigrations(
  client: pg.ClientBase | pg.Pool,
  directory = MIGRATIONS,
): Promise<readonly string[]> {
  return pendingOf(await migrationFiles(directory), await appliedMigrations(client));
}

function pendingOf(
  files: readonly MigrationFile[],
  applied: ReadonlyMap<string, string | null>,
): readonly string[] {
  const known = new Map(files.map((file) => [file.name, file]));
  for (const [name, sha256] of applied) {
    const file = known.get(name);
    if (file === undefined)
      throw new MigrationError(
        'program-too-old',
        `this database has the migration ${name}, which this version of the program does not know: use the newer version`,
      );
    if (sha256 !== null && sha256 !== file.sha256)
      throw new MigrationError(
        'changed',
        `migrations/${name}.sql is not the file that was applied to this database: restore it, and put changes into a new file`,
      );
  }
  const pending = files.filter((file) => !applied.has(file.name)).map((file) => file.name);
  const last = [...applied.keys()].sort().at(-1);
  const late = pending.find((name) => last !== undefined && name < last);
  if (late !== undefined)
    throw new MigrationError(
      'changed',
      `migrations/${late}.sql is new but numbered before ${last ?? ''}, which is applied already: give it a higher number`,
    );
  return pending;
}

async function migrationFiles(directory: string): Promise<readonly MigrationFile[]> {
  const names = (await readdir(directory)).filter((name) => name.endsWith('.sql')).sort();
  return Promise.all(
    names.map(async (name) => {
      // Line ends are the checkout's business.
      const text = (await readFile(join(directory, name), 'utf8')).replaceAll('\r\n', '\n');
      return { name: name.slice(0, -'.sql'.length), sha256: createHash('sha256').update(text).digest('hex') };
    }),
  );
}

/** Name → digest, null where the program died before it could write it down. */
async function appliedMigrations(
  client: pg.ClientBase | pg.Pool,
): Promise<ReadonlyMap<string, string | null>> {
  const { rows } = await client.query<{ hasDigests: boolean | null }>(
    `select bool_or(attname = 'sha256') as "hasDigests"
       from pg_attribute where attrelid = to_regclass('processor.migrations') and attnum > 0`,
  );
  const hasDigests = rows[0]?.hasDigests ?? null;
  if (hasDigests === null) return new Map();
  const applied = await client.query<{ name: string; sha256: string | null }>(
    `select name, ${hasDigests ? 'sha256' : 'null as sha256'} from processor.migrations order by id`,
  );
  return new Map(applied.rows.map((row) => [row.name, row.sha256]));
}

async function run(client: pg.Client, directory: string): Promise<void> {
  const said: string[] = [];
  const quiet = { debug: () => undefined, info: () => undefined, warn: () => undefined };
  // Loaded when it is needed: a node only compares versions, and what this brings along stays in memory.
  const { runner } = await import('node-pg-migrate');
  try {
    await runner({
      dbClient: client,
      dir: directory,
      direction: 'up',
      migrationsSchema: 'processor',
      migrationsTable: 'migrations',
      createMigrationsSchema: true,
      singleTransaction: true,
      noLock: true,
      logger: { ...quiet, error: (message) => said.push(message) },
    });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    const place = said.length === 0 ? '' : `\n${said.join('\n').slice(-1_000)}`;
    throw new MigrationError('failed', `a migration failed and nothing was changed: ${reason}${place}`, {
      cause: error,
    });
  }
}

async function rememberDigests(client: pg.Client, files: readonly MigrationFile[]): Promise<void> {
  await client.query('alter table processor.migrations add column if not exists sha256 text');
  await client.query(
    `update processor.migrations m set sha256 = f.sha256
       from unnest($1::text[], $2::text[]) as f(name, sha256)
      where m.name = f.name and m.sha256 is null`,
    [files.map((file) => file.name), files.map((file) => file.sha256)],
  );
}
