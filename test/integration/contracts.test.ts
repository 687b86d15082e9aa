/**
 * What the nodes rely on PostgreSQL, RabbitMQ and Redis for. The same suites hold the simulator's servers to it
 * (test/unit/sim/contracts.test.ts). Without this the simulator proves the cluster on servers that there are not.
 */
import { describe } from 'vitest';
import { describeCommit } from '../contracts/commit-contract.ts';
import { describeDirectory } from '../contracts/directory-contract.ts';
import { usePostgres } from '../contracts/postgres-server.ts';
import { describeStores } from '../contracts/stores-contract.ts';

describe('PostgreSQL', () => {
  const server = usePostgres();
  describeCommit(server);
  describeDirectory(server);
  describeStores(server);
});
