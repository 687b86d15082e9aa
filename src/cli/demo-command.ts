import { randomBytes } from 'node:crypto';
import { Command } from 'commander';
import { environment } from '../config.ts';
import { Traffic, TRAFFIC_DEFAULTS } from '../drive/traffic.ts';
import { startDemoInspector, type DemoInspector } from './demo/demo-inspector.ts';
import { runPerformance, type Performance } from './demo/performance.ts';
import { describeDeadLetters, ENDING } from './demo/screen.ts';
import { setStage, type Stage } from './demo/stage.ts';
import { CommandError, EXIT } from './exit-codes.ts';
import { positive, wholeNumber } from './options.ts';
import { bold, count, isTerminal, paint, print, printError } from './output.ts';
import { paragraphs } from './paragraphs.ts';
import { describeAudit, verifyLedger } from './verify-command.ts';

const DESCRIPTION = `
The demonstration: servers, a cluster of nodes, invented payments, live figures, an audit. Everything runs on servers of its own (or on empty ones that PAYGATE_DEMO_DATABASE_URL, PAYGATE_DEMO_RABBITMQ_URL and
PAYGATE_DEMO_REDIS_URL name) and is gone afterwards.

With INSPECT=1 in the environment a few of the accounts can be watched in the official XState inspector (it needs the internet).

With --chaos a node is killed (SIGKILL) from time to time, one at a time, and started again under its name; the audit holds all the same.

Ctrl-C stops the stream, drains, audits and prints the verdict; a
second Ctrl-C ends it at once. Exit code 0 only if the audit finds everything right.`;

/** Without a number of transactions: a pace that shows movement without filling the disk. */
const ENDLESS_RATE = 2_000;

interface DemoOptions {
  readonly transactions?: number;
  readonly rate?: number;
  readonly accounts: number;
  readonly nodes: number;
  /** Seconds; true: as by default. */
  readonly chaos?: number | true;
  readonly seed: string;
}

const CHAOS_EVERY_SECONDS = 5;
/** A few messages that end as dead letters, so that these can be seen. */
const POISON_SHARE = 0.002;

const SAME_SIGNAL_MS = 500;

/** First Ctrl-C: stop the stream and audit. Second: strike the stage and leave. */
function listenForSignals(stage: () => Stage | null): AbortSignal {
  const stop = new AbortController();
  let firstMs = 0;
  const onSignal = (): void => {
    // A terminal and a parent process may both pass on the same Ctrl-C.
    if (stop.signal.aborted && Date.now() - firstMs < SAME_SIGNAL_MS) return;
    firstMs = Date.now();
    if (!stop.signal.aborted) {
      if (stage() === null)
        printError('\nstopping as soon as the servers are up (Ctrl-C again ends at once)');
      else if (!isTerminal()) printError(ENDING);
      stop.abort();
      return;
    }
    printError('\nending at once');
    void (stage()?.strike() ?? Promise.resolve()).finally(() => process.exit(EXIT.interrupted));
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  return stop.signal;
}

const seconds = (ms: number): string => `${(ms / 1_000).toFixed(1)} s`;

function tellPerformance(performance: Performance): void {
  const { report, figures, backstage, elapsedMs, mostlyDecidedMs, kills } = performance;
  const transactions = `${count(report.transactions)} transactions`;
  print('');
  if (mostlyDecidedMs === null) print(`${transactions} in ${seconds(elapsedMs)}`);
  else {
    const rate = (report.transactions * 0.99) / (mostlyDecidedMs / 1_000);
    print(
      `${bold(`${count(Math.round(rate))} tx/s`)}: 99 % of ${transactions} decided ${seconds(mostlyDecidedMs)} after the first ` +
        `row was inserted; nothing left to do, retries included, after ${seconds(elapsedMs)}`,
    );
  }
  print(
    `  published      ${count(report.messages)} messages: ${count(report.repeats)} of them twice, ` +
      `${count(report.documented)} in the documented shape, ${count(report.balanceRequests)} balance requests, ` +
      `${count(report.poison)} that nobody can decide`,
  );
  print(`  repeats found  ${count(figures.duplicates)}`);
  print(`  retries        ${count(figures.deferred)}`);
  print(`  dead letters   ${describeDeadLetters(backstage)}`);
  print(`  flags          ${count(figures.flagged)}`);
  if (kills !== null)
    print(`  chaos          ${count(kills)} kills, ${count(backstage.moves)} shards changed their owner`);
}

/** Stops the nodes, audits, says the verdict. Returns the exit code. */
async function audit(stage: Stage, performance: Performance): Promise<number> {
  const wrong = await stage.stopNodes();
  const report = await verifyLedger(stage.config, { expectDrained: true, quiet: false });
  print(describeAudit(report));
  const problems = [
    ...(performance.left === null ? [] : [`not everything was decided: ${JSON.stringify(performance.left)}`]),
    ...wrong.map(
      ({ nodeId, exitCode, logFile }) =>
        `${nodeId} did not drain (exit code ${String(exitCode)}); its log: ${logFile}`,
    ),
    ...(report.counts.decisions === performance.report.transactions
      ? []
      : [
          `${count(report.counts.decisions)} decisions for ${count(performance.report.transactions)} transactions`,
        ]),
    ...(report.counts.deadLetters === performance.report.poison
      ? []
      : [
          `${count(report.counts.deadLetters)} dead letters for ${count(performance.report.poison)} messages that nobody can decide`,
        ]),
  ];
  for (const problem of problems) print(paint('red', problem));
  const right = report.ok && problems.length === 0;
  print(
    right
      ? paint('green', 'Every transaction was decided exactly once.')
      : paint('red', 'This must not happen.'),
  );
  return right ? EXIT.ok : EXIT.finding;
}

function chaosOf({ chaos, seed }: DemoOptions): { readonly everyMs: number; readonly seed: string } | null {
  if (chaos === undefined) return null;
  return { everyMs: (chaos === true ? CHAOS_EVERY_SECONDS : chaos) * 1_000, seed };
}

async function runDemo(options: DemoOptions): Promise<number> {
  let stage: Stage | null = null;
  const signal = listenForSignals(() => stage);
  stage = await setStage(options.nodes);
  let inspector: DemoInspector | null = null;
  try {
    const [first] = stage.nodes;
    if (first?.address != null) print(`console   ${bold(`${first.address}/console`)}`);
    if (signal.aborted) throw new CommandError('stopped before anything was processed', EXIT.interrupted);
    const traffic = new Traffic({
      ...TRAFFIC_DEFAULTS,
      accounts: options.accounts,
      poisonShare: POISON_SHARE,
      seed: options.seed,
      run: randomBytes(6).toString('hex'),
    });
    if (environment()['INSPECT'] === '1') inspector = await startDemoInspector(stage, traffic);
    const performance = await runPerformance(stage, {
      transactions: options.transactions ?? null,
      ratePerSecond: options.rate ?? (options.transactions === undefined ? ENDLESS_RATE : 0),
      traffic,
      chaos: chaosOf(options),
      signal,
    });
    tellPerformance(performance);
    return await audit(stage, performance);
  } finally {
    await inspector?.close();
    await stage.strike();
  }
}

/** `paygate demo`, which `npm start` runs. */
export function demoCommand(): Command {
  return new Command('demo')
    .description(paragraphs(DESCRIPTION))
    .option('--transactions <n>', 'process this many and exit; default: until Ctrl-C', wholeNumber(1))
    .option('--rate <tx/s>', 'pace; default: as fast as possible, 2000 without --transactions', positive)
    .option('--nodes <n>', 'nodes that share the work', wholeNumber(1, 9), 3)
    .option(
      '--chaos [seconds]',
      `kill a node so often, ${CHAOS_EVERY_SECONDS} s unless given`,
      wholeNumber(1, 3_600),
    )
    .option('--accounts <n>', 'accounts', wholeNumber(1, 1_000_000), TRAFFIC_DEFAULTS.accounts)
    .option('--seed <text>', 'what the stream is made from', 'paygate')
    .action(async (options: DemoOptions) => {
      process.exitCode = await runDemo(options);
    });
}
