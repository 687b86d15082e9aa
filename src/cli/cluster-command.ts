import { setTimeout as sleep } from 'node:timers/promises';
import { Argument, Command, Option } from 'commander';
import { createLogUpdate } from 'log-update';
import type pg from 'pg';
import { loadConfig, type Config } from '../config.ts';
import { pauseIntake, resumeIntake } from '../infra/postgres/intake-pause.ts';
import { describeOverview } from './cluster/describe-overview.ts';
import { findNode, orderDrain, watchDrain } from './cluster/drain-node.ts';
import type { ClusterOverview } from '../infra/overview/overview.ts';
import { readOverview } from '../infra/overview/read-overview.ts';
import { describePause } from './describe-pause.ts';
import { changeLogLevel } from './cluster/log-level.ts';
import { LOG_LEVELS } from '../contracts/log-levels.ts';
import type { LogLevel } from '../contracts/log-levels.ts';
import { EXIT } from './exit-codes.ts';
import { firstInterrupt } from './first-interrupt.ts';
import { operatorName, operatorOption, whyOption } from './operator-options.ts';
import { count, isTerminal, print, printJson } from './output.ts';
import { paragraphs } from './paragraphs.ts';
import { withPool } from './with-pool.ts';

const DESCRIPTION = `
Shows the cluster: nodes with their shards and the queues they read, shards without owner, epochs, leases that do not fit the directory, and whether intake is
paused. PostgreSQL says who owns what; Redis says who is alive, and may be away.`;

const DRAIN_DESCRIPTION = `
Lets a node give its roles away, finish what it took, and stop, as SIGTERM does; shows how its shards go. Ctrl-C ends the
watching, not the drain. The node is named as \`paygate cluster\` names it, or by its run where two have one name.`;

const PAUSE_DESCRIPTION = `
No node reads a queue until \`paygate cluster resume\`: messages stay in RabbitMQ. What was taken is finished, retries and
orders go on. Takes effect within about a second.`;

const LOG_LEVEL_DESCRIPTION = `
Makes a node, or \`all\` nodes, write more or fewer lines from now on. It holds until the node ends; then LOG_LEVEL counts again. At
debug there is a line for every message that is settled.`;

const LOOK_EVERY_MS = 1_000;

interface JsonOption {
  readonly json?: boolean;
}

interface OperatorOptions extends JsonOption {
  readonly operator?: string;
  readonly why?: string;
}

function overviewOf(pool: pg.Pool, { redisUrl, inboundQueues }: Config): Promise<ClusterOverview> {
  return readOverview(
    pool,
    redisUrl,
    inboundQueues.map(({ name }) => name),
  );
}

async function show(options: JsonOption & { readonly watch?: boolean }): Promise<void> {
  const config = loadConfig();
  await withPool(config, async (pool) => {
    if (options.watch === true) {
      await watch(async () => describeOverview(await overviewOf(pool, config)));
      return;
    }
    const overview = await overviewOf(pool, config);
    if (options.json === true) printJson(overview);
    else print(describeOverview(overview));
  });
}

async function watch(look: () => Promise<string>): Promise<void> {
  const signal = firstInterrupt();
  const update = isTerminal() ? createLogUpdate(process.stdout) : null;
  while (!signal.aborted) {
    const text = await look();
    if (update === null) print(`${text}\n`);
    else update(text);
    await sleep(LOOK_EVERY_MS, undefined, { signal }).catch(() => undefined);
  }
  update?.done();
}

async function drain(name: string, options: OperatorOptions): Promise<void> {
  const config = loadConfig();
  const request = {
    operator: operatorName(options.operator),
    why: options.why ?? null,
    signal: firstInterrupt(),
    quiet: options.json === true,
  };
  const { node, left } = await withPool(config, async (pool) => {
    const found = findNode(await overviewOf(pool, config), name);
    await orderDrain(config, pool, found, request);
    return { node: found, left: await watchDrain(pool, found, request) };
  });
  if (left > 0) process.exitCode = EXIT.interrupted;
  if (options.json === true) {
    printJson({
      nodeId: node.nodeId,
      incarnation: node.incarnation,
      shardsBefore: node.shards,
      shardsLeft: left,
    });
    return;
  }
  print(
    left === 0
      ? `${node.nodeId} owns nothing any more.`
      : `${node.nodeId} still owns ${count(left)} shards; the drain goes on without being watched.`,
  );
}

async function pause(options: OperatorOptions & { readonly why: string }): Promise<void> {
  const { why } = options;
  const operator = operatorName(options.operator);
  const result = await withPool(loadConfig(), (pool) => pauseIntake(pool, { operator, why }));
  if (result.kind === 'kept') process.exitCode = EXIT.finding;
  if (options.json === true) {
    printJson(result);
    return;
  }
  if (result.kind === 'kept') print('It was paused before, and stays as it was:');
  print(describePause(result.pause).join('\n'));
}

async function resume(options: OperatorOptions): Promise<void> {
  const operator = operatorName(options.operator);
  const ended = await withPool(loadConfig(), (pool) =>
    resumeIntake(pool, { operator, why: options.why ?? null }),
  );
  if (options.json === true) printJson({ ended });
  else if (ended === null) print('Intake was not paused.');
  else print(`Intake goes on; ${ended.operator} had paused it at ${ended.since}: ${ended.why}`);
}

async function logLevel(node: string, level: LogLevel, options: OperatorOptions): Promise<void> {
  const config = loadConfig();
  const request = { node, level, operator: operatorName(options.operator), why: options.why ?? null };
  const told = await withPool(config, async (pool) =>
    changeLogLevel(config, pool, await overviewOf(pool, config), request),
  );
  if (options.json === true)
    printJson({ level, nodes: told.map(({ nodeId, incarnation }) => ({ nodeId, incarnation })) });
  else print(`${told.map(({ nodeId }) => nodeId).join(', ')}: ${level}`);
}

/** `paygate cluster`, `paygate cluster drain | pause | resume | log-level` */
export function clusterCommand(): Command {
  const cluster = new Command('cluster')
    .description(paragraphs(DESCRIPTION))
    // What stands behind an action is the action's.
    .enablePositionalOptions()
    .option('--json', 'print JSON')
    .addOption(new Option('--watch', 'look again every second, until Ctrl-C').conflicts('json'))
    .action(show);
  const add = (name: string, summary: string, description: string): Command =>
    cluster
      .command(name)
      .summary(summary)
      .description(paragraphs(description))
      .addOption(operatorOption())
      .option('--json', 'print JSON');
  add('drain <node>', 'let a node give everything away and stop', DRAIN_DESCRIPTION)
    .addOption(whyOption())
    .action(drain);
  add('log-level <node>', 'more or fewer lines in the log of a node, or of all', LOG_LEVEL_DESCRIPTION)
    .addArgument(new Argument('<level>', 'what is still written').choices(LOG_LEVELS))
    .addOption(whyOption())
    .action(logLevel);
  add('pause', 'no node reads a queue until it is resumed', PAUSE_DESCRIPTION)
    .addOption(whyOption().makeOptionMandatory())
    .action(pause);
  add('resume', 'ends a pause', 'Nodes read their queues again, within about a second.')
    .addOption(whyOption())
    .action(resume);
  return cluster;
}
