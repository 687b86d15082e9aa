/**
 * The suites that hold PostgreSQL, RabbitMQ and Redis to what the nodes rely on, on the simulated servers. Without this the simulator
 * may prove the cluster on servers that there are not.
 */
import { describe } from 'vitest';
import { describeCommit } from '../../contracts/commit-contract.ts';
import { describeDirectory } from '../../contracts/directory-contract.ts';
import { describeInboxes } from '../../contracts/inbox-contract.ts';
import { useSimulated } from '../../contracts/passing-time.ts';
import { describeQueues } from '../../contracts/queue-contract.ts';
import { describeAlarms, describeCache, describeLeases } from '../../contracts/redis-contract.ts';
import { simBrokerServer } from '../../contracts/sim-broker-server.ts';
import { simRedisServer } from '../../contracts/sim-redis-server.ts';
import { simLedgerServer } from '../../contracts/sim-ledger-server.ts';
import { describeOrders } from '../../contracts/orders-contract.ts';
import { describeReads } from '../../contracts/reads-contract.ts';
import { describeStores } from '../../contracts/stores-contract.ts';

describe('the simulated PostgreSQL', () => {
  const server = useSimulated('on demand', simLedgerServer);
  describeCommit(server);
  describeDirectory(server);
  describeStores(server);
  describeOrders(server);
  describeReads(server);
});

describe('the simulated RabbitMQ', () => {
  const server = useSimulated('always', simBrokerServer);
  describeQueues(server);
  describeInboxes(server);
});

describe('the simulated Redis', () => {
  const server = useSimulated('on demand', simRedisServer);
  describeCache(server);
  describeLeases(server);
});

describe('the simulated Redis, as time goes by', () => {
  describeAlarms(useSimulated('always', simRedisServer));
});
