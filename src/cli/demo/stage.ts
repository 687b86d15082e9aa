import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { environment, loadConfig, type Config } from '../../config.ts';
import { claimPlace } from '../../infra/services/index.ts';
import { bringUpToDate } from '../migrate-command.ts';
import { printError } from '../output.ts';
import { applyDemoRules } from './demo-rules.ts';
import { NodeSlot } from './node-slot.ts';

/** Everything the demonstration plays on: servers of its own, an empty ledger, nodes. */
export interface Stage {
  readonly config: Config;
  readonly nodes: readonly NodeSlot[];
  /** Lets the nodes drain and waits until they are gone; returns those that did not end with exit code 0. */
  stopNodes(): Promise<readonly NodeSlot[]>;
  /** Ends what is left: nodes, servers, data, and the logs unless a node went wrong. Idempotent. */
  strike(): Promise<void>;
}

/** Settings of the demonstration alone: nothing of the caller's real servers gets through. */
function stageEnvironment(urls: {
  readonly databaseUrl: string;
  readonly rabbitmqUrl: string;
  readonly redisUrl: string;
}): Record<string, string> {
  const passed = [
    'PATH',
    'HOME',
    'LANG',
    'TZ',
    'PROCESSOR_WORKERS',
    'PROCESSOR_PREFETCH',
    'LOG_LEVEL',
    'REFUND_AMOUNT',
  ];
  const env = environment();
  return {
    ...Object.fromEntries(passed.flatMap((name) => (env[name] === undefined ? [] : [[name, env[name]]]))),
    DATABASE_URL: urls.databaseUrl,
    RABBITMQ_URL: urls.rabbitmqUrl,
    REDIS_URL: urls.redisUrl,
    HTTP_HOST: '127.0.0.1',
    HTTP_PORT: '0',
    NODE_ENV: 'production',
  };
}

/** Brings it all up; on failure nothing but the nodes' logs is left behind. Throws `ServerError`, `CommandError`. */
export async function setStage(nodeCount: number): Promise<Stage> {
  const place = await claimPlace({
    env: environment(),
    prefix: 'PAYGATE_DEMO',
    allowInstall: true,
    onProgress: (message) => printError(message),
  });
  const logs = mkdtempSync(join(tmpdir(), 'paygate-demo-'));
  const env = stageEnvironment(place);
  const nodes = Array.from({ length: nodeCount }, (_, index) => {
    const nodeId = `demo-${String(index + 1)}`;
    return new NodeSlot(nodeId, join(logs, `${nodeId}.log`), env);
  });
  let logsAreWanted = false;
  let struck: Promise<void> | null = null;
  const strike = (): Promise<void> => {
    struck ??= (async () => {
      for (const node of nodes) node.strike();
      await place.release();
      if (!logsAreWanted) rmSync(logs, { recursive: true, force: true });
    })();
    return struck;
  };
  try {
    const config = loadConfig(env);
    printError('migrating');
    await bringUpToDate(config, true);
    await applyDemoRules(config);
    printError(nodeCount === 1 ? 'starting the node' : `starting ${String(nodeCount)} nodes`);
    logsAreWanted = true;
    await Promise.all(nodes.map((node) => node.start()));
    logsAreWanted = false;
    return {
      config,
      nodes,
      strike,
      stopNodes: async () => {
        await Promise.all(nodes.map((node) => node.stop()));
        const wrong = nodes.filter(({ exitCode }) => exitCode !== 0);
        logsAreWanted = wrong.length > 0;
        return wrong;
      },
    };
  } catch (error) {
    if (logsAreWanted) printError(`the nodes' logs are in ${logs}`);
    await strike();
    throw error;
  }
}
