#!/usr/bin/env node
import { Command, CommanderError } from 'commander';
import { config as loadDotenv } from 'dotenv';
import { EXIT } from './exit-codes.ts';
import { withOurExits } from './our-exits.ts';
import { printError } from './output.ts';
import { version } from './version.ts';

interface Entry {
  readonly name: string;
  readonly summary: string;
  /** Loaded when it is called for: the adapters behind a command cost more than the help of all of them. */
  readonly load: () => Promise<Command>;
}

const COMMANDS: readonly Entry[] = [
  {
    name: 'node',
    summary: 'run a processing node',
    load: async () => (await import('./node-command.ts')).nodeCommand(),
  },
  {
    name: 'health',
    summary: 'ask whether a node does its work, for health checks',
    load: async () => (await import('./health-command.ts')).healthCommand(),
  },
  {
    name: 'migrate',
    summary: 'bring the database up to date and take over the history from before',
    load: async () => (await import('./migrate-command.ts')).migrateCommand(),
  },
  {
    name: 'shadow',
    summary: 'beside the old processor: decide its transactions again, and tell where the two differ',
    load: async () => (await import('./shadow-command.ts')).shadowCommand(),
  },
  {
    name: 'verify',
    summary: 'audit the whole ledger; exit code 1 if anything is wrong',
    load: async () => (await import('./verify-command.ts')).verifyCommand(),
  },
  {
    name: 'account',
    summary: 'show an account; freeze, unfreeze, close, adjust or release it',
    load: async () => (await import('./account-command.ts')).accountCommand(),
  },
  {
    name: 'transaction',
    summary: 'say why a transaction was approved, rejected or is still pending',
    load: async () => (await import('./transaction-command.ts')).transactionCommand(),
  },
  {
    name: 'dead-letters',
    summary: 'list and show what was given up; send it again or discard it',
    load: async () => (await import('./dead-letters-command.ts')).deadLettersCommand(),
  },
  {
    name: 'rules',
    summary: 'check, apply or show the rules that transactions are held to',
    load: async () => (await import('./rules-command.ts')).rulesCommand(),
  },
  {
    name: 'pending',
    summary: 'transactions that nothing decides: list, drive or discard them',
    load: async () => (await import('./pending-command.ts')).pendingCommand(),
  },
  {
    name: 'inspect',
    summary: 'show a live account in the XState inspector',
    load: async () => (await import('./inspect-command.ts')).inspectCommand(),
  },
  {
    name: 'cluster',
    summary: 'show nodes, shards and roles; drain a node; pause or resume intake',
    load: async () => (await import('./cluster-command.ts')).clusterCommand(),
  },
  {
    name: 'events',
    summary: 'show events as they are published; print their schema',
    load: async () => (await import('./events-command.ts')).eventsCommand(),
  },
  {
    name: 'webhooks',
    summary: 'post events to endpoints over HTTP, signed: add, list, enable, test, replay',
    load: async () => (await import('./webhooks-command.ts')).webhooksCommand(),
  },
  {
    name: 'cache',
    summary: 'bring the balances in Redis to what the ledger says: rebuild, warm',
    load: async () => (await import('./cache-command.ts')).cacheCommand(),
  },
  {
    name: 'console',
    summary: 'print the address of the web console, or a link that opens it',
    load: async () => (await import('./console-command.ts')).consoleCommand(),
  },
  {
    name: 'drive',
    summary: 'publish invented payments, as the Go API would',
    load: async () => (await import('./drive-command.ts')).driveCommand(),
  },
  {
    name: 'services',
    summary: 'private PostgreSQL, RabbitMQ and Redis for development: up, status, down',
    load: async () => (await import('./services-command.ts')).servicesCommand(),
  },
  {
    name: 'demo',
    summary: 'the demonstration that `npm start` runs',
    load: async () => (await import('./demo-command.ts')).demoCommand(),
  },
];

async function programFor(words: readonly string[]): Promise<Command> {
  const program = new Command('paygate')
    .description('PayGateway Processor: account actors that turn the payment stream into a verified ledger')
    .version(version)
    // `account <id> <action>` hands what stands behind the id to a program of its own.
    .enablePositionalOptions();
  for (const { name, summary, load } of COMMANDS) {
    const command = words.includes(name) ? await load() : new Command(name);
    program.addCommand(command.summary(summary));
  }
  return withOurExits(program);
}

async function main(): Promise<void> {
  loadDotenv({ quiet: true });
  // Arguments are for all users of the machine to read; a title is written over them.
  if (process.argv.some((word) => word.startsWith('--token'))) process.title = 'paygate';
  const program = await programFor(process.argv.slice(2));
  await program.parseAsync();
}

// Whoever reads what is printed may have seen enough (`… | head`): no failure, and nobody to tell of it.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit();
});

main().catch(async (thrown: unknown) => {
  if (thrown instanceof CommanderError) {
    // It has printed what there is to say; help that was asked for comes this way too.
    process.exitCode = thrown.exitCode === 0 ? EXIT.ok : EXIT.usage;
    return;
  }
  const { describeError } = await import('./describe-error.ts');
  const { message, exitCode } = describeError(thrown);
  printError(message);
  process.exitCode = exitCode;
});
