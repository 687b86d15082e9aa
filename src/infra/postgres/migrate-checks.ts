import type pg from 'pg';
import { GrantRefusal, refuseUnbound } from './grants.ts';
import { checkTables } from './check-tables.ts';
import { describeUnsetRefundAmount } from './cluster.ts';
import { describeUnclear, surveyHistory } from './history.ts';
import type { Progress } from './migrate.ts';
import { MigrationError, pendingMigrations } from './migrate.ts';
import { openedBefore, OpeningRefusal } from './opening.ts';

/**
 * What `paygate migrate` would do to this database, and what stands in its way.
 *
 * K1. Nothing is changed: the history is read into temporary tables of a transaction that is rolled back, everything else is a question.
 * K2. What migrate refuses is found by the code that refuses it.
 */

/** In the order in which they are told; the last two are questions to RabbitMQ. */
export const MIGRATE_CHECKS = [
  'migrations',
  'tables',
  'rights',
  'runtime-role',
  'opening',
  'history',
  'refund-amount',
  'pending',
  'queues',
  'reader',
] as const;

/** `note`: migrate goes on, and somebody should know. */
export interface MigrateCheck {
  readonly name: (typeof MIGRATE_CHECKS)[number];
  readonly state: 'ok' | 'note' | 'in-the-way';
  readonly detail: string;
}

export interface CheckedDatabase {
  readonly checks: readonly MigrateCheck[];
  /** Files that would be applied. */
  readonly migrations: readonly string[];
}

export interface CheckOptions {
  readonly runtimeRole: string | null;
  /** Whether somebody chose how refunds are measured. */
  readonly refundAmountSet: boolean;
  readonly onProgress?: (progress: Progress) => void;
}

/** Rejects with the driver's error when the database does not answer. */
export async function checkDatabase(pool: pg.Pool, options: CheckOptions): Promise<CheckedDatabase> {
  const { check: migrations, files } = await checkMigrations(pool);
  const { check: tables, areComplete } = await checkTables(pool);
  const rights = await checkRights(pool, files.length > 0);
  const checks = [migrations, tables, rights];
  checks.push(await checkRuntimeRole(pool, options.runtimeRole));
  const { check: opening, isToBeOpened } = await checkOpening(pool);
  checks.push(opening);
  // A role that may not read would end the list with an error.
  const mayRead = rights.state !== 'in-the-way';
  if (areComplete && isToBeOpened && mayRead) checks.push(...(await checkHistory(pool, options)));
  return { checks, migrations: files };
}

async function checkMigrations(
  pool: pg.Pool,
): Promise<{ readonly check: MigrateCheck; readonly files: readonly string[] }> {
  const name = 'migrations';
  try {
    const files = await pendingMigrations(pool);
    const detail =
      files.length === 0
        ? 'the schema is up to date'
        : `would apply ${files.length}: ${files[0] ?? ''} to ${files.at(-1) ?? ''}`;
    return { check: { name, state: 'ok', detail }, files };
  } catch (error) {
    if (!(error instanceof MigrationError)) throw error;
    return { check: { name, state: 'in-the-way', detail: error.message }, files: [] };
  }
}

interface Rights {
  readonly role: string;
  readonly mayCreateSchema: boolean;
  /** null: there is none yet. */
  readonly ownsSchema: boolean | null;
  readonly mayCreateTables: boolean;
  readonly ownsTransactions: boolean | null;
  readonly hasIndex: boolean;
  readonly hasType: boolean;
  readonly mayUseTemporary: boolean;
}

/** An index on `transactions` takes its owner, who may have made it before. */
const READ_RIGHTS = `
select current_user::text as role,
       has_database_privilege(current_database(), 'create') as "mayCreateSchema",
       (select pg_has_role(nspowner, 'usage') from pg_namespace where nspname = 'processor') as "ownsSchema",
       has_schema_privilege('public', 'create') as "mayCreateTables",
       (select pg_has_role(relowner, 'usage') from pg_class where oid = to_regclass('public.transactions')) as "ownsTransactions",
       to_regclass('public.transactions_created_brin') is not null as "hasIndex",
       to_regtype('public.transaction_status') is not null as "hasType",
       has_database_privilege(current_database(), 'temporary') as "mayUseTemporary"`;

async function checkRights(pool: pg.Pool, hasPending: boolean): Promise<MigrateCheck> {
  const { rows } = await pool.query<Rights>(READ_RIGHTS);
  const [rights] = rows;
  if (rights === undefined) throw new Error('PostgreSQL did not say what this role may do');
  const lacks = lacksOf(rights, hasPending);
  const role = `the role ${rights.role}`;
  return lacks.length === 0
    ? { name: 'rights', state: 'ok', detail: `${role} may do it` }
    : { name: 'rights', state: 'in-the-way', detail: `${role} ${lacks.join(', and ')}` };
}

function lacksOf(rights: Rights, hasPending: boolean): readonly string[] {
  const { mayCreateSchema, ownsSchema, mayCreateTables, ownsTransactions, mayUseTemporary } = rights;
  const lacksTables = ownsTransactions === null || !rights.hasType;
  const lacks: readonly (readonly [isLacking: boolean, words: string])[] = [
    [ownsSchema === null && !mayCreateSchema, 'may not create a schema in this database'],
    [ownsSchema === false, 'does not own the schema processor'],
    [hasPending && lacksTables && !mayCreateTables, 'may not create tables or types in the schema public'],
    [
      hasPending && ownsTransactions === false && !rights.hasIndex,
      'does not own public.transactions, which gets the index transactions_created_brin',
    ],
    [!mayUseTemporary, 'may not use temporary tables'],
  ];
  return lacks.filter(([isLacking]) => isLacking).map(([, words]) => words);
}

async function checkRuntimeRole(pool: pg.Pool, role: string | null): Promise<MigrateCheck> {
  const name = 'runtime-role';
  if (role === null) return { name, state: 'ok', detail: 'DATABASE_RUNTIME_ROLE names none' };
  try {
    await refuseUnbound(pool, role);
    return { name, state: 'ok', detail: `${role} would be given the rights of nodes and commands` };
  } catch (error) {
    if (!(error instanceof GrantRefusal)) throw error;
    return { name, state: 'in-the-way', detail: error.message };
  }
}

async function checkOpening(
  pool: pg.Pool,
): Promise<{ readonly check: MigrateCheck; readonly isToBeOpened: boolean }> {
  const name = 'opening';
  const { rows } = await pool.query<{ isThere: boolean }>(
    `select to_regclass('processor.cluster') is not null as "isThere"`,
  );
  try {
    const openedAt = rows[0]?.isThere === true ? await openedBefore(pool) : null;
    const detail =
      openedAt === null
        ? 'the history would be taken over'
        : `the history was taken over before, on ${openedAt.toISOString()}`;
    return { check: { name, state: 'ok', detail }, isToBeOpened: openedAt === null };
  } catch (error) {
    if (!(error instanceof OpeningRefusal)) throw error;
    return { check: { name, state: 'in-the-way', detail: error.message }, isToBeOpened: false };
  }
}

async function checkHistory(pool: pg.Pool, options: CheckOptions): Promise<readonly MigrateCheck[]> {
  const { summary, unclear, pending, refunds } = await surveyHistory(pool, options);
  const { accounts, transactions, negativeAccounts } = summary;
  const worth = `${transactions} approved transactions of ${accounts} accounts, ${negativeAccounts} of them below zero`;
  const isClear = unclear.counts.length === 0;
  const needsSetting = refunds.originals > 0 && !options.refundAmountSet;
  const since = pending.oldestCreatedAtMs === null ? '' : new Date(pending.oldestCreatedAtMs).toISOString();
  return [
    isClear
      ? { name: 'history', state: 'ok', detail: worth }
      : {
          name: 'history',
          state: 'in-the-way',
          detail: `cannot be counted without guessing:\n${describeUnclear(unclear)}`,
        },
    needsSetting
      ? {
          name: 'refund-amount',
          state: 'note',
          detail: `no node will start: ${describeUnsetRefundAmount(refunds)}`,
        }
      : {
          name: 'refund-amount',
          state: 'ok',
          detail: refunds.originals === 0 ? 'no refunds from before' : 'REFUND_AMOUNT is set',
        },
    pending.count === 0
      ? { name: 'pending', state: 'ok', detail: 'no transaction is PENDING' }
      : {
          name: 'pending',
          state: 'note',
          detail: `${pending.count} transactions are PENDING, the oldest since ${since}: they would be left alone`,
        },
  ];
}
