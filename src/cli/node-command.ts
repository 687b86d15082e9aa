import { Command } from 'commander';
import { loadConfig } from '../config.ts';
import { createLogger } from '../infra/log.ts';
import { startNode } from '../node.ts';
import { EXIT } from './exit-codes.ts';

const DESCRIPTION = `run a processing node

Reads the inbound queues, decides every transaction in an account actor, writes the ledger, acknowledges.
Servers come from DATABASE_URL, RABBITMQ_URL and REDIS_URL (or their parts, see the README).

SIGTERM or SIGINT: stops intake, finishes what it took, acknowledges it and exits (DRAIN_TIMEOUT_MS).
A second signal exits at once; whatever was not acknowledged is delivered again.`;

/** `paygate node` */
export function nodeCommand(): Command {
  return new Command('node').description(DESCRIPTION).action(async () => {
    const config = loadConfig();
    const logger = createLogger({ level: config.logLevel, nodeId: config.nodeId });
    const node = await startNode(config, { logger });
    process.send?.({ type: 'ready', address: node.address });
    let signals = 0;
    const onSignal = (signal: NodeJS.Signals): void => {
      signals += 1;
      if (signals === 1) {
        logger.info({ signal }, 'draining; a second signal exits at once');
        void node.drain();
        return;
      }
      logger.warn({ signal }, 'exiting at once; unacknowledged messages will be delivered again');
      process.exit(EXIT.interrupted);
    };
    process.on('SIGTERM', onSignal);
    process.on('SIGINT', onSignal);
    const reason = await node.stopped;
    if (process.connected) process.disconnect();
    process.exitCode = reason === 'drained' ? EXIT.ok : EXIT.unavailable;
  });
}
