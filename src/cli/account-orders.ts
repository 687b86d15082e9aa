import { randomUUID } from 'node:crypto';
import { Argument, Command, Option } from 'commander';
import { loadConfig } from '../config.ts';
import type { OperatorAction } from '../contracts/command.ts';
import type { OperatorResult } from '../domain/settlement.ts';
import { shardOf } from '../domain/shard.ts';
import { readShardOwner } from '../infra/postgres/cluster-view.ts';
import { LIMITS } from '../limits.ts';
import { CommandError, EXIT } from './exit-codes.ts';
import { operatorName, operatorOption, whyOption } from './operator-options.ts';
import { cents, signedCents, uuid, wholeNumber } from './options.ts';
import { count, money, print, printJson } from './output.ts';
import { placeOrder } from './place-order.ts';
import { withPool } from './with-pool.ts';

interface OrderOptions {
  readonly why: string;
  readonly operator?: string;
  readonly order?: string;
  readonly wait: number;
  readonly json?: boolean;
}

const PLAIN_ACTIONS = [
  ['freeze', 'credits only from now on'],
  ['unfreeze', 'ends a freeze'],
  ['close', 'for good: nothing more, except refunds of earlier purchases; the balance must be 0'],
  ['release', 'ends a quarantine, if the journal and the balance agree'],
] as const;

async function give(accountId: string, action: OperatorAction, options: OrderOptions): Promise<void> {
  const orderId = options.order ?? randomUUID();
  const operator = operatorName(options.operator);
  const config = loadConfig();
  const shard = shardOf(accountId, LIMITS.shardCount);
  const command = { kind: 'operator', orderId, accountId, action, operator, why: options.why } as const;
  const outcome = await withPool(config, (pool) =>
    placeOrder(config, {
      orderId,
      order: { kind: 'account', command },
      inboxOf: async () => (await readShardOwner(pool, shard))?.inbox ?? null,
      waitSeconds: options.wait,
      unasked: 'no node owns this account at the moment: see `paygate cluster`',
      again: `Give it again with --order ${orderId}, then it is carried out only once.`,
    }),
  );
  if (outcome.kind !== 'result')
    throw new CommandError('the node took this for another order', EXIT.unavailable);
  tell(accountId, orderId, action, outcome.result, options.json === true);
}

function tell(
  accountId: string,
  orderId: string,
  action: OperatorAction,
  result: OperatorResult,
  asJson: boolean,
): void {
  if (asJson) {
    printJson({ accountId, orderId, action, result });
    if (result.kind === 'refused') process.exitCode = EXIT.finding;
    return;
  }
  if (result.kind === 'refused')
    throw new CommandError(`refused, nothing was changed: ${result.detail}`, EXIT.finding);
  const { status, balanceCents, overdraftCents, seq } = result;
  print(`${accountId} is ${status}; balance ${money(balanceCents)}, overdraft ${money(overdraftCents)}.`);
  print(`Written as number ${count(seq)} of its journal (order ${orderId}).`);
}

function orderCommand(name: string, description: string): Command {
  return new Command(name)
    .summary(description)
    .description(
      `${sentence(description)}\n\nThe node that owns the account decides it, in order with everything else.`,
    )
    .addOption(whyOption().makeOptionMandatory())
    .addOption(operatorOption())
    .addOption(
      new Option(
        '--order <uuid>',
        'give this order again: it is carried out once (default: a new one)',
      ).argParser(uuid),
    )
    .option(
      '--wait <seconds>',
      'how long to look for the owner',
      wholeNumber(1, 3_600),
      LIMITS.orderDeadlineMs / 1_000,
    )
    .option('--json', 'print JSON');
}

const sentence = (text: string): string => `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;

/** What can be ordered for this account. */
export function accountOrders(accountId: string): readonly Command[] {
  const plain = PLAIN_ACTIONS.map(([kind, description]) =>
    orderCommand(kind, description).action((options: OrderOptions) => give(accountId, { kind }, options)),
  );
  const overdraft = orderCommand('overdraft', 'how far below zero debits may take the balance')
    .addArgument(new Argument('<cents>', 'whole cents, 0 = not at all').argParser(cents))
    .action((overdraftCents: bigint, options: OrderOptions) =>
      give(accountId, { kind: 'overdraft', overdraftCents }, options),
    );
  const adjust = orderCommand('adjust', 'corrects the balance by an amount, for example 500 or -500')
    .addArgument(new Argument('<cents>', 'whole cents: 500 puts in, -500 takes away').argParser(signedCents))
    .action((amountCents: bigint, options: OrderOptions) =>
      give(accountId, { kind: 'adjust', amountCents }, options),
    );
  return [...plain, overdraft, adjust];
}
