import type pg from 'pg';
import type { Config } from '../config.ts';
import { createPool } from '../infra/postgres/pool.ts';

const COMMAND_CONNECTIONS_MAX = 4;

/** Lends a pool to a command and closes it afterwards. `unhurried`: its statements may take as long as they do. */
export async function withPool<T>(
  config: Config,
  use: (pool: pg.Pool) => Promise<T>,
  patience: 'bounded' | 'unhurried' = 'bounded',
): Promise<T> {
  const pool = createPool(
    {
      databaseUrl: config.databaseUrl,
      applicationName: 'paygate:cli',
      connectionsMax: COMMAND_CONNECTIONS_MAX,
      ...(patience === 'unhurried' ? { statementTimeoutMs: 0 } : {}),
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
