import { sourceQueues } from '../src/contracts/queues.ts';
import type { CoreConfig } from '../src/node/node-core.ts';

/** Real settings, with shorter waits: a run is a minute long. */
export const CONFIG: Omit<CoreConfig, 'activeAccountsMax'> = {
  intakeWindowMax: 40,
  retryAttempts: 3,
  retryDelayMs: 300,
  refundWaitMs: 4_000,
  refundAmount: 'message',
  accountIdleMs: 2_000,
  sweepAgeMinMs: 6_000,
  sweepAgeMaxMs: 86_400_000,
  sweepPollMs: 1_000,
  clusterGraceMs: 500,
  inboundQueues: sourceQueues(),
};
