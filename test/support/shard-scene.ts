import pg from 'pg';
import { afterEach } from 'vitest';
import { connectionName, connectionSettings } from '../../src/infra/postgres/pool.ts';
import type { ShardOwner } from '../../src/ports/cluster.ts';
import { useDatabase } from './use-database.ts';
import type { TestDatabase } from './services.ts';

/** A connection of somebody's, and whether it was taken away. */
export interface ShardClient {
  readonly client: pg.Client;
  readonly lost: () => boolean;
}

/** What the tests of taking shards share: a database for each test, and the connections of owners and strangers on it. */
export interface ShardScene {
  readonly database: Pick<TestDatabase, 'url' | 'pool'>;
  readonly connect: (applicationName: string) => Promise<ShardClient>;
  /** Of a lane of this node, in the middle of a commit on this shard. */
  readonly commitOf: (node: ShardOwner, shard: number) => Promise<ShardClient>;
}

/** Holds a shard's row as a commit does. */
export async function holdShard(client: pg.Client, shard: number): Promise<void> {
  await client.query('begin');
  await client.query('select 1 from processor.shards where shard = $1 for no key update', [shard]);
}

export function useShardScene(): ShardScene {
  const database = useDatabase();
  const clients: pg.Client[] = [];
  // Hooks that come after run in the opposite order: before the database goes.
  afterEach(() => Promise.all(clients.splice(0).map((client) => client.end())));

  async function connect(applicationName: string): Promise<ShardClient> {
    const client = new pg.Client(connectionSettings({ databaseUrl: database.url, applicationName }));
    let ended = false;
    client.on('error', () => (ended = true));
    client.on('end', () => (ended = true));
    clients.push(client);
    await client.connect();
    return { client, lost: () => ended };
  }

  async function commitOf(node: ShardOwner, shard: number): Promise<ShardClient> {
    const connection = await connect(connectionName(node.nodeId, node.incarnation, 'lane0'));
    await holdShard(connection.client, shard);
    return connection;
  }

  return { database, connect, commitOf };
}
