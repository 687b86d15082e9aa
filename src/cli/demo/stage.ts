import { mkdtempSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { environment, loadConfig, type Config } from '../../config.ts';
import { claimPlace, ServerError } from '../../infra/services/index.ts';
import { CommandError, EXIT } from '../exit-codes.ts';
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
  /** Ends what is left: nodes, servers, data. Idempotent. */
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

async function claim(): ReturnType<typeof claimPlace> {
  try {
    return await claimPlace({
      env: environment(),
      prefix: 'PAYGATE_DEMO',
      allowInstall: true,
      onProgress: (message) => printError(message),
    });
  } catch (error) {
    if (error instanceof ServerError)
      throw new CommandError(error.message, EXIT.unavailable, { cause: error });
    throw error;
  }
}

/** Brings it all up; on failure nothing is left behind. Throws `CommandError`. */
export async function setStage(): Promise<Stage> {
  const place = await claim();
  const logs = mkdtempSync(join(tmpdir(), 'paygate-demo-'));
  const logFile = join(logs, 'nodes.log');
  const nodes: NodeProcess[] = [];
  let struck: Promise<void> | null = null;
  const strike = (): Promise<void> => {
    struck ??= (async () => {
      for (const node of nodes) node.kill();
      await place.release();
    })();
    return struck;
  };
  try {
    const env = stageEnvironment(place);
    const config = loadConfig(env);
    printError('migrating');
    await bringUpToDate(config, true);
    printError('starting the node');
    nodes.push(await startNodeProcess({ env, logFd: openSync(logFile, 'a') }));
    return {
      config,
      nodes,
      logFile,
      strike,
      stopNodes: async () => {
        const codes = await Promise.all(nodes.map((node) => node.stop()));
        const wrong = codes.filter((code) => code !== 0);
        if (wrong.length === 0) rmSync(logs, { recursive: true, force: true });
        return wrong;
      },
    };
  } catch (error) {
    printError(`the node's log is in ${logFile}`);
    await strike();
    throw error;
  }
}
