/**
 * What the nodes rely on PostgreSQL, RabbitMQ and Redis for. The same suites hold the simulator's servers to it
 * (test/unit/sim/contracts.test.ts). Without this the simulator proves the cluster on servers that there are not.
 */
import { describe } from 'vitest';
import { describeCommit } from '../contracts/commit-contract.ts';
import { describeDirectory } from '../contracts/directory-contract.ts';
import { describeInboxes } from '../contracts/inbox-contract.ts';
import { usePostgres } from '../contracts/postgres-server.ts';
import { describeQueues } from '../contracts/queue-contract.ts';
import { useRabbitMq } from '../contracts/rabbitmq-server.ts';
import { describeAlarms, describeCache, describeLeases } from '../contracts/redis-contract.ts';
import { useRedis } from '../contracts/redis-server.ts';
import { describeOrders } from '../contracts/orders-contract.ts';
import { describeReads } from '../contracts/reads-contract.ts';
import { describeStores } from '../contracts/stores-contract.ts';

describe('PostgreSQL', () => {
  const server = usePostgres();
  describeCommit(server);
  describeDirectory(server);
  describeStores(server);
  describeOrders(server);
  describeReads(server);
});

describe('RabbitMQ', () => {
  const server = useRabbitMq();
  describeQueues(server);
  describeInboxes(server);
});

describe('Redis', () => {
  const server = useRedis();
  describeCache(server);
  describeAlarms(server);
  describeLeases(server);
});
