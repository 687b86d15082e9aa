import type pg from 'pg';
import type { Config } from '../config.ts';
import { createPool } from '../infra/postgres/pool.ts';

const COMMAND_CONNECTIONS_MAX = 4;

/** Lends a pool to a command and closes it afterwards. */
export async function withPool<T>(config: Config, use: (pool: pg.Pool) => Promise<T>): Promise<T> {
  const pool = createPool(
    {
      databaseUrl: config.databaseUrl,
      applicationName: 'paygate:cli',
      connectionsMax: COMMAND_CONNECTIONS_MAX,
    },
    // Whatever a lost connection breaks says so itself.
    { warn: () => undefined },
  );
  try {
    return await use(pool);
  } finally {
    await pool.end();
  }
}
