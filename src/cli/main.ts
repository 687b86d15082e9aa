#!/usr/bin/env node
import { Command } from 'commander';
import { config as loadDotenv } from 'dotenv';
import { accountCommand } from './account-command.ts';
import { demoCommand } from './demo-command.ts';
import { describeError } from './describe-error.ts';
import { driveCommand } from './drive-command.ts';
import { migrateCommand } from './migrate-command.ts';
import { nodeCommand } from './node-command.ts';
import { printError } from './output.ts';
import { servicesCommand } from './services-command.ts';
import { transactionCommand } from './transaction-command.ts';
import { verifyCommand } from './verify-command.ts';
import { version } from './version.ts';

async function main(): Promise<void> {
  loadDotenv({ quiet: true });
  const program = new Command('paygate')
    .description('PayGateway Processor: account actors that turn the payment stream into a verified ledger')
    .version(version)
    .showHelpAfterError('(add --help for the options)')
    .configureOutput({ outputError: (text, write) => write(text) });
  for (const command of [
    nodeCommand(),
    migrateCommand(),
    verifyCommand(),
    accountCommand(),
    transactionCommand(),
    driveCommand(),
    servicesCommand(),
    demoCommand(),
  ]) {
    program.addCommand(command);
  }
  await program.parseAsync();
}

main().catch((thrown: unknown) => {
  const { message, exitCode } = describeError(thrown);
  printError(message);
  process.exitCode = exitCode;
});
