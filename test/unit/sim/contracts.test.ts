/**
 * The suites that hold PostgreSQL, RabbitMQ and Redis to what the nodes rely on, on the simulated servers. Without this the simulator
 * may prove the cluster on servers that there are not.
 */
import { describe } from 'vitest';
import { describeCommit } from '../../contracts/commit-contract.ts';
import { describeDirectory } from '../../contracts/directory-contract.ts';
import { useSimulated } from '../../contracts/passing-time.ts';
import { simLedgerServer } from '../../contracts/sim-ledger-server.ts';
import { describeStores } from '../../contracts/stores-contract.ts';

describe('the simulated PostgreSQL', () => {
  const server = useSimulated('on demand', simLedgerServer);
  describeCommit(server);
  describeDirectory(server);
  describeStores(server);
});
