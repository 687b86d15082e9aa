import type pg from 'pg';

/** The server ended the transaction by rolling back although it was asked to commit. */
export class CommitRolledBack extends Error {
  override readonly name = 'CommitRolledBack';
}

/**
 * Runs `work` between BEGIN and COMMIT on one client of the pool; rolls back when it throws.
 *
 * A client whose transaction could not be ended in order is closed, not put back. `COMMIT` of a failed transaction
 * resolves with the command `ROLLBACK`: that is an error here.
 */
export async function poolTransaction<T>(
  pool: pg.Pool,
  work: (client: pg.PoolClient) => Promise<T>,
  begin: 'begin' | 'begin isolation level repeatable read' = 'begin',
): Promise<T> {
  const client = await pool.connect();
  let broken: Error | undefined;
  try {
    await client.query(begin);
    const result = await work(client);
    const { command } = await client.query('commit');
    if (command !== 'COMMIT') throw new CommitRolledBack(`the server answered COMMIT with ${command}`);
    return result;
  } catch (error) {
    broken = await rollBack(client);
    throw error;
  } finally {
    client.release(broken);
  }
}

/** The error that makes the client unusable, if there is one. */
async function rollBack(client: pg.PoolClient): Promise<Error | undefined> {
  try {
    await client.query('rollback');
    return undefined;
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}
