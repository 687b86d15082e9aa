import { Command } from 'commander';
import { loadConfig, type Config } from '../config.ts';
import { createLogger } from '../infra/log.ts';
import { LedgerBalances } from '../infra/postgres/ledger-balances.ts';
import { logOperatorAction } from '../infra/postgres/operator-log.ts';
import { RedisBalanceCache } from '../infra/redis/balance-cache.ts';
import { CacheInventory } from '../infra/redis/cache-inventory.ts';
import { withRedisClient } from '../infra/redis/one-shot-client.ts';
import { systemRandom } from '../infra/system-clock.ts';
import { GenerationChanged } from '../ports/balance-cache.ts';
import { clearCache, nodesThatMayWrite } from './cache/clear-cache.ts';
import { mendCache, type Mended, type MendOptions } from './cache/mend-cache.ts';
import { CommandError, EXIT } from './exit-codes.ts';
import { operatorName, operatorOption, whyOption } from './operator-options.ts';
import { count, print, printJson } from './output.ts';
import { paragraphs } from './paragraphs.ts';
import { progress } from './progress.ts';
import { withPool } from './with-pool.ts';

const DESCRIPTION = `
Brings the balances in Redis to what the ledger says. Nodes may go on meanwhile: what they write is newer, and stays.

After a FLUSHALL, \`paygate cache warm\` spares the Go API from asking for each balance; after balances in Redis were changed by hand, or
PostgreSQL was restored from a backup, \`paygate cache rebuild\` puts them right.`;

const REBUILD_DESCRIPTION = `
Writes every cached balance, of accounts and of cards, anew from the ledger, and removes those of accounts and cards that do not exist. Written down in the
operator log.

\`paygate cache rebuild --why "keys changed by hand"\``;

const WARM_DESCRIPTION = `
Writes the balances that are missing in Redis, and leaves all others alone. Balances expire after a day without a change, so a few are
always missing.`;

const CLEAR_DESCRIPTION = `
Deletes every cached balance, of accounts and of cards, with its version. For the way back to another processor, which writes its own
(docs/SWITCHING.md). Refuses while a node is there, or owns shards as far as the ledger knows: a balance without its version could be
overwritten with an older one. A node that was killed still owns its shards; once it is stopped for certain, --nodes-are-stopped goes on.
Keys of others stay, also those that begin with balance: and are none of ours. Written down in the operator log before anything is deleted.`;

interface ClearOptions {
  readonly nodesAreStopped?: boolean;
  readonly json?: boolean;
  readonly operator?: string;
  readonly why?: string;
}

interface RebuildOptions {
  readonly json?: boolean;
  readonly operator?: string;
  readonly why?: string;
}

interface Done extends Mended {
  readonly durationMs: number;
}

type Servers = Pick<MendOptions, 'ledger' | 'cache' | 'inventory'>;

/** One look first, so that a Redis that is away is said at once. */
async function withServers<T>(
  config: Config,
  use: (servers: Servers, pool: Parameters<typeof logOperatorAction>[0]) => Promise<T>,
): Promise<T> {
  return withRedisClient(config.redisUrl, (client) =>
    withPool(config, async (pool) => {
      const cache = new RedisBalanceCache({
        url: config.redisUrl,
        name: 'paygate:cli',
        logger: createLogger({ level: 'error', nodeId: 'paygate', destination: process.stderr }),
        random: systemRandom,
      });
      try {
        return await use(
          { ledger: new LedgerBalances(pool), inventory: new CacheInventory(client), cache },
          pool,
        );
      } finally {
        await cache.close();
      }
    }),
  );
}

async function mend(servers: Servers, extent: MendOptions['extent'], quiet: boolean): Promise<Done> {
  const bar = progress(extent === 'missing' ? 'warming' : 'rebuilding', { quiet });
  const startedAtMs = performance.now();
  try {
    const onProgress = (done: number, total: number): void => bar.update(done, total);
    const mended = await mendCache({ ...servers, extent, onProgress });
    return { ...mended, durationMs: Math.round(performance.now() - startedAtMs) };
  } catch (error) {
    if (!(error instanceof GenerationChanged)) throw error;
    throw new CommandError(
      'Redis was flushed or restarted again and again meanwhile: run this once more when it stays',
      EXIT.unavailable,
      { cause: error },
    );
  } finally {
    bar.end();
  }
}

function report(done: Done, json: boolean): void {
  if (json) {
    printJson(done);
    return;
  }
  const { written, kept, removed, foreign, durationMs } = done;
  const lines = [
    `${count(written)} balances written, ${count(kept)} were right, ${count(removed)} removed (${(durationMs / 1_000).toFixed(1)} s).`,
    ...(foreign === 0
      ? []
      : [`${count(foreign)} keys that begin with balance: are none of ours and were left alone.`]),
  ];
  print(lines.join('\n'));
}

async function rebuild({ json = false, why, operator: given }: RebuildOptions): Promise<void> {
  const operator = operatorName(given);
  await withServers(loadConfig(), async (servers, pool) => {
    const done = await mend(servers, 'everything', json);
    await logOperatorAction(pool, {
      operator,
      action: 'cache-rebuild',
      subject: 'cache',
      why: why ?? null,
      detail: done,
    });
    report(done, json);
  });
}

async function warm({ json = false }: { readonly json?: boolean }): Promise<void> {
  await withServers(loadConfig(), async (servers) => report(await mend(servers, 'missing', json), json));
}

async function clear({
  json = false,
  why,
  operator: given,
  nodesAreStopped = false,
}: ClearOptions): Promise<void> {
  const operator = operatorName(given);
  const config = loadConfig();
  const removed = await withRedisClient(config.redisUrl, (client) =>
    withPool(config, async (pool) => {
      const nodes = nodesAreStopped ? [] : await nodesThatMayWrite(client, pool);
      if (nodes.length > 0)
        throw new CommandError(
          `stop all nodes first: ${nodes.join(', ')}; of one that was killed say that it is stopped: --nodes-are-stopped`,
          EXIT.finding,
        );
      const action = { operator, action: 'cache-clear', subject: 'cache', why: why ?? null };
      await logOperatorAction(pool, { ...action, detail: { nodesAreStopped } });
      return clearCache(client);
    }),
  );
  if (json) printJson({ removed });
  else print(`${count(removed)} balances removed.`);
}

/** `paygate cache rebuild`, `paygate cache warm`, `paygate cache clear` */
export function cacheCommand(): Command {
  const command = new Command('cache').description(paragraphs(DESCRIPTION));
  command
    .command('rebuild')
    .summary('write every balance anew from the ledger')
    .description(paragraphs(REBUILD_DESCRIPTION))
    .addOption(whyOption())
    .addOption(operatorOption())
    .option('--json', 'print JSON')
    .action(rebuild);
  command
    .command('warm')
    .summary('write the balances that are missing')
    .description(paragraphs(WARM_DESCRIPTION))
    .option('--json', 'print JSON')
    .action(warm);
  command
    .command('clear')
    .summary('delete every balance, while all nodes are stopped')
    .description(paragraphs(CLEAR_DESCRIPTION))
    .option('--nodes-are-stopped', 'although some look as if they were there: they do not run, for certain')
    .addOption(whyOption())
    .addOption(operatorOption())
    .option('--json', 'print JSON')
    .action(clear);
  return command;
}
