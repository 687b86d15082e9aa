import { Argument, Command } from 'commander';
import { loadConfig } from '../config.ts';
import { readAccount, type AccountView } from '../infra/postgres/account-view.ts';
import { readIntakePause } from '../infra/postgres/intake-pause.ts';
import type { JournalEntry } from '../infra/postgres/journal-entry.ts';
import { accountOrders } from './account-orders.ts';
import { describePause } from './describe-pause.ts';
import { CommandError, EXIT } from './exit-codes.ts';
import { uuid, wholeNumber } from './options.ts';
import { withOurExits } from './our-exits.ts';
import { bold, count, money, paint, print, printJson, table } from './output.ts';
import { paragraphs } from './paragraphs.ts';
import { withPool } from './with-pool.ts';

interface AccountOptions {
  readonly json?: boolean;
  readonly last: number;
}

function journalTable(entries: readonly JournalEntry[]): string {
  const isFlagged = entries.some(({ flags }) => flags.length > 0);
  const rows = entries.map((entry) => [
    entry.seq,
    entry.decidedAt,
    entry.type,
    entry.outcome === 'APPROVED' ? paint('green', 'approved') : paint('yellow', entry.reason ?? 'rejected'),
    money(entry.requestedCents),
    money(entry.amountCents),
    money(entry.balanceAfterCents),
    entry.transactionId,
    ...(isFlagged ? [entry.flags.join(' ')] : []),
  ]);
  const head = ['seq', 'decided', 'type', 'outcome', 'asked', 'effect', 'balance', 'transaction'];
  return table([...head, ...(isFlagged ? ['rules'] : [])], rows);
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

async function show(id: string, options: AccountOptions): Promise<void> {
  const [view, intakePause] = await withPool(loadConfig(), (pool) =>
    Promise.all([readAccount(pool, id, { journalLimit: options.last }), readIntakePause(pool)]),
  );
  if (view === null) throw new CommandError(`there is no account ${id}`, EXIT.finding);
  if (options.json === true) printJson({ ...view, intakePause });
  else print([...describePause(intakePause), describeAccount(view)].join('\n'));
}

const DESCRIPTION = `
Shows an account as the ledger has it: balance, status, owner, last journal rows. Exit code 1 if unknown.

With an action: gives that order to the node that owns the account, and prints the new state. Exit code 1 if it is refused, 3 if nobody answers.`;

/** Everything behind the id: an option of the view, or an action with options of its own. */
function programOf(id: string): Command {
  const program = new Command('paygate account <id>')
    .usage('[options]\n       paygate account <id> <action> --why <text> [options]')
    .description(paragraphs(DESCRIPTION))
    .enablePositionalOptions()
    .option('--last <n>', 'journal rows to show', wholeNumber(0, 10_000), 10)
    .option('--json', 'print JSON')
    .helpCommand(false)
    .commandsGroup('Actions (each has --help):')
    .action((options: AccountOptions) => show(id, options));
  for (const order of accountOrders(id)) program.addCommand(order);
  return withOurExits(program);
}

function refuseUnknownAction(program: Command, [action]: readonly string[]): void {
  const known = program.commands.map((command) => command.name());
  if (action === undefined || action.startsWith('-') || known.includes(action)) return;
  throw new CommandError(`unknown action '${action}'; known are ${known.join(', ')}`);
}

/** `paygate account <id>`, `paygate account <id> freeze …` */
export function accountCommand(): Command {
  return new Command('account')
    .addArgument(new Argument('<id>', 'account id').argParser(uuid))
    .argument('[rest...]')
    .passThroughOptions()
    .configureHelp({ formatHelp: () => programOf('').helpInformation() })
    .action(async (id: string, rest: readonly string[]) => {
      const program = programOf(id);
      refuseUnknownAction(program, rest);
      await program.parseAsync(rest, { from: 'user' });
    });
}
