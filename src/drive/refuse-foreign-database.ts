import type { Pool } from 'pg';
import { DRIVE_USERNAME_PREFIX } from './drive-account.ts';

/** Drive writes invented money: it stays out of databases that hold other people's. */
export class ForeignDatabaseError extends Error {
  override readonly name = 'ForeignDatabaseError';
}

const TABLES_EXIST = `select current_database() as name, to_regclass('public.transactions') is not null as ready`;

const HOLDS_OTHERS = `
  select exists (
    select from public.transactions t
    where not exists (
      select from public.accounts a where a.id = t.account_id and starts_with(a.username, $1)
    )
    limit 1
  ) as foreign`;

/**
 * Throws `ForeignDatabaseError` where the database has no tables yet, holds transactions that drive did not make, or
 * is not the one that `intoName` names. Naming the database allows such transactions.
 */
export async function refuseForeignDatabase(pool: Pool, intoName?: string): Promise<void> {
  const { rows } = await pool.query<{ name: string; ready: boolean }>(TABLES_EXIST);
  const database = rows[0];
  if (database === undefined) throw new Error('the database did not say what it is called');
  if (intoName !== undefined && intoName !== database.name) {
    throw new ForeignDatabaseError(
      `told to drive into the database ${intoName}, but connected to ${database.name}`,
    );
  }
  if (!database.ready) {
    throw new ForeignDatabaseError(
      `the database ${database.name} has no tables yet: run paygate migrate first`,
    );
  }
  if (intoName !== undefined) return;
  const found = await pool.query<{ foreign: boolean }>(HOLDS_OTHERS, [DRIVE_USERNAME_PREFIX]);
  if (found.rows[0]?.foreign === false) return;
  throw new ForeignDatabaseError(
    `the database ${database.name} holds transactions that drive did not make; ` +
      `to write invented money into it all the same, say --into ${database.name}`,
  );
}
