import type pg from 'pg';
import type { Config } from '../config.ts';
import { GoApi } from '../drive/go-api.ts';
import type { HeadersOf } from '../drive/go-api.ts';
import { connect, disconnect } from '../infra/rabbitmq/connect.ts';
import { withPool } from './with-pool.ts';

/** Lends a stand-in for the Go API on these servers, with connections of its own. */
export async function withDriveTarget<T>(
  config: Config,
  use: (api: GoApi, pool: pg.Pool) => Promise<T>,
  headersOf: HeadersOf | null = null,
): Promise<T> {
  return withPool(config, async (pool) => {
    const connection = await connect(config.rabbitmqUrl, 'paygate/drive');
    let lost: Error | undefined;
    connection.on('error', (error: Error) => (lost = error));
    try {
      const channel = await connection.createChannel();
      channel.on('error', (error: Error) => (lost = error));
      const result = await use(new GoApi(pool, channel, headersOf), pool);
      await channel.close();
      return result;
    } catch (error) {
      throw lost ?? error;
    } finally {
      await disconnect(connection);
    }
  });
}
