import { mkdtempSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { environment, loadConfig, type Config } from '../../config.ts';
import { claimPlace } from '../../infra/services/index.ts';
import { bringUpToDate } from '../migrate-command.ts';
import { printError } from '../output.ts';
import { startNodeProcess, type NodeProcess } from './node-process.ts';

/** Everything the demonstration plays on: servers of its own, an empty ledger, a node. */
export interface Stage {
  readonly config: Config;
  readonly nodes: readonly NodeProcess[];
  /** Where the nodes' logs are. */
  readonly logFile: string;
  /** Lets the nodes drain and waits until they are gone; returns the exit codes that were not 0. */
  stopNodes(): Promise<readonly (number | null)[]>;
  /** Ends what is left: nodes, servers, data, and the log unless a node went wrong. Idempotent. */
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
    NODE_ID: 'demo-1',
    NODE_ENV: 'production',
  };
}

/** Brings it all up; on failure nothing but the node's log is left behind. Throws `ServerError`, `CommandError`. */
export async function setStage(): Promise<Stage> {
  const place = await claimPlace({
    env: environment(),
    prefix: 'PAYGATE_DEMO',
    allowInstall: true,
    onProgress: (message) => printError(message),
  });
  const logs = mkdtempSync(join(tmpdir(), 'paygate-demo-'));
  const logFile = join(logs, 'nodes.log');
  const nodes: NodeProcess[] = [];
  let logIsWanted = false;
  let struck: Promise<void> | null = null;
  const strike = (): Promise<void> => {
    struck ??= (async () => {
      for (const node of nodes) node.kill();
      await place.release();
      if (!logIsWanted) rmSync(logs, { recursive: true, force: true });
    })();
    return struck;
  };
  try {
    const env = stageEnvironment(place);
    const config = loadConfig(env);
    printError('migrating');
    await bringUpToDate(config, true);
    printError('starting the node');
    logIsWanted = true;
    nodes.push(await startNodeProcess({ env, logFd: openSync(logFile, 'a') }));
    logIsWanted = false;
    return {
      config,
      nodes,
      logFile,
      strike,
      stopNodes: async () => {
        const codes = await Promise.all(nodes.map((node) => node.stop()));
        const wrong = codes.filter((code) => code !== 0);
        logIsWanted = wrong.length > 0;
        return wrong;
      },
    };
  } catch (error) {
    if (logIsWanted) printError(`the node's log is in ${logFile}`);
    await strike();
    throw error;
  }
}
