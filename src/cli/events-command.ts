import { Command, Option } from 'commander';
import { loadConfig } from '../config.ts';
import { EVENT_TYPES, eventSchema } from '../contracts/events.ts';
import type { EventType, PaygateEvent } from '../contracts/events.ts';
import { MESSAGE_SCHEMAS, schemaText } from '../contracts/json-schemas.ts';
import { tailEvents } from '../infra/rabbitmq/event-tail.ts';
import { firstInterrupt } from './first-interrupt.ts';
import { uuid, wholeNumber } from './options.ts';
import { bold, money, paint, print, printError } from './output.ts';
import { paragraphs } from './paragraphs.ts';

const TAIL_DESCRIPTION = `
Prints events from now on, until Ctrl-C: what was decided, new balances, failures, retries, accounts that were set aside. Listens through a queue
of its own that is gone afterwards, so it takes nothing away from other consumers and shows nothing of what was before. An event may
come twice (it has the same id then); the order within an account is that of seq.

--type transaction.rejected shows refusals alone, --account <id> what happens to one account, --json whole events, one a line.`;

const SCHEMA_DESCRIPTION = `
Prints the JSON Schema of all events (contract/events.schema.json is this text), for validators and code generators.`;

interface TailOptions {
  readonly type?: readonly EventType[];
  readonly account?: string;
  readonly count?: number;
  readonly json?: boolean;
}

async function tail(options: TailOptions): Promise<void> {
  const done = new AbortController();
  let shown = 0;
  const onEvent = (text: string): void => {
    const event = readEvent(text);
    if (options.account !== undefined && event?.account_id !== options.account) return;
    if (shown === options.count) return;
    shown += 1;
    print(options.json === true || event === null ? text : describeEvent(event));
    if (shown === options.count) done.abort();
  };
  await tailEvents({
    url: loadConfig().rabbitmqUrl,
    types: options.type ?? [],
    onEvent,
    onReady: () => printError('listening; Ctrl-C ends it'),
    signal: AbortSignal.any([firstInterrupt(), done.signal]),
  });
}

/** null: a newer node may publish what we do not know; it is shown as it is. */
function readEvent(text: string): PaygateEvent | null {
  try {
    return eventSchema.safeParse(JSON.parse(text)).data ?? null;
  } catch {
    return null;
  }
}

function describeEvent(event: PaygateEvent): string {
  const name = paint(COLOURS[event.type], event.type.padEnd('transaction.retry_scheduled'.length));
  return `${event.time}  ${name}  ${bold(event.account_id)}  ${String(event.seq).padStart(6)}  ${factsOf(event)}`;
}

const COLOURS = {
  'transaction.approved': 'green',
  'transaction.rejected': 'yellow',
  'transaction.failed': 'red',
  'transaction.duplicate': 'gray',
  'transaction.retry_scheduled': 'gray',
  'balance.updated': 'cyan',
  'account.quarantined': 'red',
  'risk.flagged': 'yellow',
} as const;

function factsOf(event: PaygateEvent): string {
  switch (event.type) {
    case 'transaction.approved':
      return `${event.transaction_type} ${inMoney(event.amount_cents)}, balance ${inMoney(event.balance_cents)}  ${event.transaction_id}`;
    case 'transaction.rejected':
      return `${event.transaction_type} ${inMoney(event.amount_cents)}: ${event.reason}  ${event.transaction_id}`;
    case 'transaction.failed':
      return `${event.reason}, dead letter ${String(event.dead_letter_id)}  ${event.transaction_id}`;
    case 'transaction.duplicate':
      return `${event.transaction_id} repeats ${event.first_id}`;
    case 'transaction.retry_scheduled':
      return `${event.reason}, try ${String(event.attempt)} at ${event.due_at}  ${event.transaction_id}`;
    case 'balance.updated':
      return inMoney(event.balance_cents);
    case 'account.quarantined':
      return event.reason;
    case 'risk.flagged':
      return `${event.flags.join(', ')}: ${event.outcome}  ${event.transaction_id}`;
  }
}

const inMoney = (cents: number): string => money(BigInt(cents));

/** `paygate events tail | schema` */
export function eventsCommand(): Command {
  const events = new Command('events').description(
    'Events are what the processor tells others: docs/EVENTS.md says what is in them.',
  );
  events
    .command('tail')
    .summary('show events as they are published')
    .description(paragraphs(TAIL_DESCRIPTION))
    .addOption(new Option('--type <type...>', 'only these').choices(EVENT_TYPES))
    .option('--account <id>', 'only of this account', uuid)
    .option('--count <n>', 'end after so many', wholeNumber(1))
    .option('--json', 'print whole events, one a line')
    .action(tail);
  events
    .command('schema')
    .summary('print the JSON Schema of all events')
    .description(paragraphs(SCHEMA_DESCRIPTION))
    .action(() => print(schemaText(MESSAGE_SCHEMAS.events)));
  return events;
}
