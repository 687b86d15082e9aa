import { loadConfig } from '../../src/config.ts';
import { createLogger } from '../../src/infra/log.ts';
import { startNode } from '../../src/node.ts';

/** A node in a process of its own, for tests that kill it. Tells its parent when it works; SIGTERM drains it. */
const config = loadConfig();
const logger = createLogger({ level: config.logLevel, nodeId: config.nodeId, destination: process.stderr });
const node = await startNode(config, { logger });
process.once('SIGTERM', () => void node.drain());
process.send?.({ address: node.address });
const reason = await node.stopped;
process.disconnect();
process.exitCode = reason === 'drained' ? 0 : 1;
