import { Argument, Command } from 'commander';
import { loadConfig } from '../config.ts';
import { readAccount, type AccountView } from '../infra/postgres/account-view.ts';
import type { JournalEntry } from '../infra/postgres/journal-entry.ts';
import { CommandError, EXIT } from './exit-codes.ts';
import { uuid, wholeNumber } from './options.ts';
import { bold, count, money, paint, print, printJson, table } from './output.ts';
import { withPool } from './with-pool.ts';

interface AccountOptions {
  readonly json?: boolean;
  readonly last: number;
}

function journalTable(entries: readonly JournalEntry[]): string {
  const rows = entries.map((entry) => [
    entry.seq,
    entry.decidedAt,
    entry.type,
    entry.outcome === 'APPROVED' ? paint('green', 'approved') : paint('yellow', entry.reason ?? 'rejected'),
    money(entry.requestedCents),
    money(entry.amountCents),
    money(entry.balanceAfterCents),
    entry.transactionId,
  ]);
  return table(['seq', 'decided', 'type', 'outcome', 'asked', 'effect', 'balance', 'transaction'], rows);
}

function waiting(view: AccountView): string {
  if (view.retries + view.parked + view.deadLetters === 0) return 'nothing';
  return `${count(view.retries)} retries, ${count(view.parked)} parked, ${count(view.deadLetters)} open dead letters`;
}

function describeAccount(view: AccountView): string {
  const owner = view.owner === null ? 'nobody' : `${view.owner} since ${view.takenAt ?? '?'}`;
  const lines = [
    bold(view.accountId),
    `  balance    ${money(view.balanceCents)}${view.overdraftCents > 0n ? `, overdraft to ${money(-view.overdraftCents)}` : ''}`,
    `  status     ${view.status}`,
    `  decisions  ${count(view.seq)}`,
    `  owner      ${owner} (shard ${String(view.shard)}, epoch ${String(view.epoch)})`,
    `  waiting    ${waiting(view)}`,
  ];
  return view.journal.length === 0
    ? lines.join('\n')
    : `${lines.join('\n')}\n\n${journalTable(view.journal)}`;
}

/** `paygate account <id>` */
export function accountCommand(): Command {
  return new Command('account')
    .description(
      'Shows an account as the ledger has it: balance, status, owner, last journal rows. Exit code 1 if unknown.',
    )
    .addArgument(new Argument('<id>', 'account id').argParser(uuid))
    .option('--last <n>', 'journal rows to show', wholeNumber(0, 10_000), 10)
    .option('--json', 'print JSON')
    .action(async (id: string, options: AccountOptions) => {
      const view = await withPool(loadConfig(), (pool) =>
        readAccount(pool, id, { journalLimit: options.last }),
      );
      if (view === null) throw new CommandError(`there is no account ${id}`, EXIT.finding);
      if (options.json === true) printJson(view);
      else print(describeAccount(view));
    });
}
