import { Command } from 'commander';
import { loadConfig, type Config } from '../config.ts';
import { boundHeapGrowth } from '../infra/heap-growth.ts';
import { createLogger } from '../infra/log.ts';
import type { LeveledLogger } from '../infra/log.ts';
import { LIMITS } from '../limits.ts';
import { startNode, type NodeStopReason } from '../node.ts';
import type { Logger } from '../ports/runtime.ts';
import { EXIT } from './exit-codes.ts';
import { paragraphs } from './paragraphs.ts';

const DESCRIPTION = `
Reads the inbound queues, decides every transaction in an account actor, writes the ledger, acknowledges.

Servers come from DATABASE_URL, RABBITMQ_URL and REDIS_URL (or their parts, see the README).

SIGTERM or SIGINT: stops intake, finishes what it took, acknowledges it and exits (DRAIN_TIMEOUT_MS).
A second signal exits at once; whatever was not acknowledged is delivered again.`;

/** Aborts at the first signal; the second ends the process. */
function firstSignal(logger: Logger): AbortSignal {
  const drain = new AbortController();
  const onSignal = (signal: NodeJS.Signals): void => {
    if (!drain.signal.aborted) {
      logger.info({ signal }, 'draining; a second signal exits at once');
      drain.abort();
      return;
    }
    logger.warn({ signal }, 'exiting at once; unacknowledged messages will be delivered again');
    process.exit(EXIT.interrupted);
  };
  process.on('SIGTERM', onSignal);
  process.on('SIGINT', onSignal);
  // Started by another program, which is gone: nobody would end this one.
  process.once('disconnect', () => drain.abort());
  return drain.signal;
}

async function runNode(config: Config, logger: LeveledLogger, signal: AbortSignal): Promise<NodeStopReason> {
  try {
    const node = await startNode(config, { logger, signal, onLogLevel: (level) => logger.setLevel(level) });
    process.send?.({ type: 'ready', address: node.address });
    return await node.stopped;
  } catch (error) {
    // Told to end while it started: it has, and said so in the log.
    if (signal.aborted) return 'drained';
    throw error;
  }
}

/** `paygate node` */
export function nodeCommand(): Command {
  return new Command('node').description(paragraphs(DESCRIPTION)).action(async () => {
    const config = loadConfig();
    boundHeapGrowth(LIMITS.heapGrowthPercent);
    const logger = createLogger({ level: config.logLevel, nodeId: config.nodeId });
    const reason = await runNode(config, logger, firstSignal(logger));
    if (process.connected) process.disconnect();
    process.exitCode = reason === 'drained' ? EXIT.ok : EXIT.unavailable;
  });
}
