import { Argument, Command } from 'commander';
import { loadConfig } from '../config.ts';
import { readAccountAsOf, type AccountThen } from '../infra/postgres/account-history.ts';
import { readAccount, type AccountView } from '../infra/postgres/account-view.ts';
import { readIntakePause } from '../infra/postgres/intake-pause.ts';
import { journalTable } from './account/journal-table.ts';
import { showJournal } from './account/show-journal.ts';
import { accountOrders } from './account-orders.ts';
import { describePause } from './describe-pause.ts';
import { CommandError, EXIT } from './exit-codes.ts';
import { moment, uuid, wholeNumber } from './options.ts';
import { withOurExits } from './our-exits.ts';
import { bold, count, money, print, printJson } from './output.ts';
import { paragraphs } from './paragraphs.ts';
import { withPool } from './with-pool.ts';

interface AccountOptions {
  readonly json?: boolean;
  readonly last: number;
  readonly asOf?: string;
  readonly journal?: boolean;
  readonly from?: string;
  readonly to?: string;
  readonly csv?: boolean;
}

function waiting(view: AccountView): string {
  if (view.retries + view.parked + view.deadLetters === 0) return 'nothing';
  return `${count(view.retries)} retries, ${count(view.parked)} parked, ${count(view.deadLetters)} open dead letters`;
}

function describeAccount(view: AccountView): string {
  const owner = view.owner === null ? 'nobody' : `${view.owner} since ${view.takenAt ?? '?'}`;
  const lines = [
    bold(view.accountId),
    `  balance    ${balanceOf(view)}`,
    `  status     ${view.status}`,
    `  decisions  ${count(view.seq)}`,
    `  owner      ${owner} (shard ${String(view.shard)}, epoch ${String(view.epoch)})`,
    `  waiting    ${waiting(view)}`,
  ];
  return view.journal.length === 0
    ? lines.join('\n')
    : `${lines.join('\n')}\n\n${journalTable(view.journal)}`;
}

function describeThen(then: AccountThen): string {
  const last = then.decidedAt === null ? 'none yet' : `${count(then.seq)}, the last one at ${then.decidedAt}`;
  const isTooEarly = then.createdAt !== null && Date.parse(then.asOf) < Date.parse(then.createdAt);
  const lines = [
    `${bold(then.accountId)} as of ${then.asOf}`,
    `  balance    ${balanceOf(then)}`,
    `  status     ${then.status}`,
    `  decisions  ${last}`,
    ...(isTooEarly ? [`  It was made at ${then.createdAt}, after that.`] : []),
  ];
  return lines.join('\n');
}

function balanceOf({
  balanceCents,
  overdraftCents,
}: Pick<AccountThen, 'balanceCents' | 'overdraftCents'>): string {
  return `${money(balanceCents)}${overdraftCents > 0n ? `, overdraft to ${money(-overdraftCents)}` : ''}`;
}

async function showThen(id: string, asOf: string, json: boolean): Promise<void> {
  const then = await withPool(loadConfig(), (pool) => readAccountAsOf(pool, id, asOf));
  if (then === null) throw new CommandError(`there is no account ${id}`, EXIT.finding);
  if (json) printJson(then);
  else print(describeThen(then));
}

/** What contradicts itself is refused: an option that is silently ignored would be taken for an answer. */
function refuseContradictions({ asOf, journal, from, to, csv, json }: AccountOptions): void {
  const ofJournal = [
    ['--from', from !== undefined],
    ['--to', to !== undefined],
    ['--csv', csv === true],
  ] as const;
  const alone = ofJournal.find(([, isGiven]) => isGiven && journal !== true);
  if (alone !== undefined) throw new CommandError(`${alone[0]} goes with --journal`);
  if (journal === true && asOf !== undefined)
    throw new CommandError('--as-of and --journal exclude each other; use --to with --journal');
  if (csv === true && json === true) throw new CommandError('--csv and --json exclude each other');
}

async function show(id: string, options: AccountOptions): Promise<void> {
  refuseContradictions(options);
  const { asOf, journal, from = null, to = null, csv, json = false } = options;
  if (asOf !== undefined) await showThen(id, asOf, json);
  else if (journal === true) {
    const form = csv === true ? 'csv' : json ? 'json' : 'table';
    await withPool(loadConfig(), (pool) => showJournal(pool, id, { from, to }, form));
  } else await showNow(id, options);
}

async function showNow(id: string, options: AccountOptions): Promise<void> {
  const [view, intakePause] = await withPool(loadConfig(), (pool) =>
    Promise.all([readAccount(pool, id, { journalLimit: options.last }), readIntakePause(pool)]),
  );
  if (view === null) throw new CommandError(`there is no account ${id}`, EXIT.finding);
  if (options.json === true) printJson({ ...view, intakePause });
  else print([...describePause(intakePause), describeAccount(view)].join('\n'));
}

const DESCRIPTION = `
Shows an account as the ledger has it: balance, status, owner, last journal rows. Exit code 1 if unknown.

With --as-of: as it was after all that was decided until that moment. With --journal: its rows, oldest first, all of them or those decided at or after
--from and before --to. Times are RFC 3339, or dates, which stand for their first moment in UTC. \`paygate account <id> --journal --from 2026-11-01 --to
2026-12-01 --csv > november.csv\`

With an action: gives that order to the node that owns the account, and prints the new state. Exit code 1 if it is refused, 3 if nobody answers.`;

/** Everything behind the id: an option of the view, or an action with options of its own. */
function programOf(id: string): Command {
  const program = new Command('paygate account <id>')
    .usage('[options]\n       paygate account <id> <action> --why <text> [options]')
    .description(paragraphs(DESCRIPTION))
    .enablePositionalOptions()
    .option('--last <n>', 'journal rows to show', wholeNumber(0, 10_000), 10)
    .option('--as-of <time>', 'balance, status and overdraft at that moment', moment)
    .option('--journal', 'all journal rows, oldest first')
    .option('--from <time>', 'with --journal: decided then or later', moment)
    .option('--to <time>', 'with --journal: decided before', moment)
    .option('--csv', 'with --journal: as CSV (RFC 4180), amounts in cents')
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
