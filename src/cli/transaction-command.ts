import { Argument, Command } from 'commander';
import { loadConfig } from '../config.ts';
import { explainTransaction, type TransactionExplanation } from '../infra/postgres/explain.ts';
import type { JournalEntry } from '../infra/postgres/journal-entry.ts';
import { EXIT } from './exit-codes.ts';
import { uuid } from './options.ts';
import { bold, money, print, printJson } from './output.ts';
import { withPool } from './with-pool.ts';

/** Which rules were in force, and what they had to say. */
function rules({ rulesVersion, flags }: JournalEntry): readonly (readonly [string, string])[] {
  if (rulesVersion === null) return [];
  const found =
    flags.length === 0 ? 'none matched' : flags.map((flag) => flag.replace(':', ' by ')).join(', ');
  return [['rules', `version ${String(rulesVersion)}: ${found}`]];
}

function facts(explanation: TransactionExplanation): readonly (readonly [string, string])[] {
  const { row, decision, retry, deadLetters } = explanation;
  return [
    ...(row === null
      ? []
      : ([
          ['account', row.accountId],
          ['asked', `${row.type} of ${money(row.amountCents)}, ${row.createdAt}`],
          ['status', row.status],
        ] as const)),
    ...(decision === null
      ? []
      : ([
          ['decided', `${decision.decidedAt} as seq ${String(decision.seq)}, by ${decision.road}`],
          ['balance', `${money(decision.balanceAfterCents)} after it`],
          ...rules(decision),
        ] as const)),
    ...(retry === null ? [] : ([['next try', `${retry.dueAt}, number ${String(retry.attempt)}`]] as const)),
    ...deadLetters.map((letter) => ['dead letter', `${letter.code}: ${letter.detail}`] as const),
  ];
}

function describeTransaction(explanation: TransactionExplanation): string {
  const lines = facts(explanation).map(([name, text]) => `  ${name.padEnd(12)} ${text}`);
  return [bold(explanation.transactionId), explanation.sentence, ...lines].join('\n');
}

/** `paygate transaction <id>` */
export function transactionCommand(): Command {
  return new Command('transaction')
    .description(
      'Says why a transaction was approved or rejected, or why it is still pending. Exit code 1 if unknown.',
    )
    .addArgument(new Argument('<id>', 'transaction id').argParser(uuid))
    .option('--json', 'print JSON')
    .action(async (id: string, options: { readonly json?: boolean }) => {
      const explanation = await withPool(loadConfig(), (pool) => explainTransaction(pool, id));
      if (options.json === true) printJson(explanation);
      else print(describeTransaction(explanation));
      if (!explanation.known) process.exitCode = EXIT.finding;
    });
}
