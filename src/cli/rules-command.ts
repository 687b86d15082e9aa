import { readFile } from 'node:fs/promises';
import { Command } from 'commander';
import { loadConfig } from '../config.ts';
import { parseRuleSet } from '../contracts/rule-set.ts';
import type { Rule, RuleSetDocument } from '../contracts/rule-set.ts';
import { RuleSet } from '../domain/rules/rule-set.ts';
import { applyRules, readRuleSet } from '../infra/postgres/rule-store.ts';
import type { RuleSetRecord } from '../infra/postgres/rule-store.ts';
import { CommandError, EXIT } from './exit-codes.ts';
import { operatorName, operatorOption, whyOption } from './operator-options.ts';
import { wholeNumber } from './options.ts';
import { bold, count, print, printJson } from './output.ts';
import { paragraphs } from './paragraphs.ts';
import { withPool } from './with-pool.ts';

interface OrderOptions {
  readonly why: string;
  readonly operator?: string;
  readonly json?: boolean;
}

const DESCRIPTION = `
The rules that transactions are held to: limits, velocity, patterns of fraud. A rule set is one JSON document, applied whole;
docs/RULES.md says what can stand in it, docs/rules.example.json is one.

Rules are the last test of a transaction. A rule with action "reject" refuses it (RULE_REFUSED), "flag" tells of it, "shadow"
only notes it in the journal. No rule refuses a credit.`;

const APPLY_DESCRIPTION = `
Puts a rule set in force, for example: paygate rules apply rules.json --why "limits of the season". Every node takes it over within about a second, between two commits; until then nodes differ.
Each decision names the version that it was made under. A set that is in force already is left as it is.`;

async function readDocument(file: string): Promise<RuleSetDocument> {
  const parsed = parseRuleSet(await textOf(file));
  if (parsed.ok) return parsed.document;
  const lines = parsed.issues.map(({ path, expected }) => `  ${path}: expected ${expected}`);
  throw new CommandError(`${file} is no rule set:\n${lines.join('\n')}`, EXIT.finding);
}

async function textOf(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error);
    throw new CommandError(`${file} cannot be read: ${detail}`, EXIT.usage, { cause: error });
  }
}

async function check(file: string, options: { readonly json?: boolean }): Promise<void> {
  const document = await readDocument(file);
  const { needs } = new RuleSet(0, document);
  if (options.json === true) {
    printJson({ valid: true, rules: document.rules.length, needs });
    return;
  }
  print(`${file} is a rule set of ${count(document.rules.length)} rules; nothing was applied.`);
  print(document.rules.map(describeRule).join('\n'));
  if (needs !== null)
    print(`Accounts remember their decisions of the last ${count(needs.windowMs / 1_000)} seconds for it.`);
}

async function apply(document: RuleSetDocument | null, options: OrderOptions): Promise<void> {
  const { why } = options;
  const operator = operatorName(options.operator);
  const applied = await withPool(loadConfig(), (pool) => applyRules(pool, { document, operator, why }));
  if (options.json === true) {
    printJson(applied);
    return;
  }
  const version = `version ${String(applied.version)}`;
  const isOff = document === null;
  if (applied.kind === 'applied') {
    print(
      isOff ? `No rules are in force from ${version} on.` : `These rules are in force from ${version} on.`,
    );
    print('Nodes take that over within about a second.');
  } else {
    print(
      isOff ? 'No rules were in force; nothing was changed.' : `They are in force already, as ${version}.`,
    );
  }
}

async function show(options: { readonly version?: number; readonly json?: boolean }): Promise<void> {
  const record = await withPool(loadConfig(), (pool) => readRuleSet(pool, options.version ?? null));
  if (record === null && options.version !== undefined)
    throw new CommandError(`there is no version ${String(options.version)} of the rules`, EXIT.finding);
  if (options.json === true) printJson(record);
  else print(record === null ? 'No rules were ever applied.' : describeRecord(record));
}

function describeRecord({ version, document, hash, appliedAt, appliedBy, why }: RuleSetRecord): string {
  return [
    bold(`version ${String(version)}`),
    `  applied  ${appliedAt} by ${appliedBy}`,
    `  why      ${why}`,
    ...(hash === null
      ? ['No rules are in force from this version on.']
      : [`  sha256   ${hash}`, '', JSON.stringify(document, null, 2)]),
  ].join('\n');
}

function describeRule({ name, type, action }: Rule): string {
  return `  ${action.padEnd(6)}  ${name}  (${type})`;
}

function orderCommand(name: string, description: string): Command {
  return new Command(name)
    .description(paragraphs(description))
    .addOption(whyOption().makeOptionMandatory())
    .addOption(operatorOption())
    .option('--json', 'print JSON');
}

/** `paygate rules check | apply | show | off` */
export function rulesCommand(): Command {
  const checkCommand = new Command('check')
    .summary('say whether a file is a rule set, and what is wrong with it; needs no server')
    .description(
      'Says whether a file is a rule set, and names everything that is wrong with it. Needs no server. Exit code 1 if it is none.',
    )
    .argument('<file>', 'JSON document')
    .option('--json', 'print JSON')
    .action(check);
  const applyCommand = orderCommand('apply', APPLY_DESCRIPTION)
    .summary('put a rule set in force')
    .argument('<file>', 'JSON document')
    .action(async (file: string, options: OrderOptions) => apply(await readDocument(file), options));
  const showCommand = new Command('show')
    .summary('show the rule set in force, or an earlier one')
    .description(
      'Shows the rule set in force: version, who applied it and why, the document. With --version an earlier one.',
    )
    .option('--version <n>', 'this version', wholeNumber(1, 2_147_483_647))
    .option('--json', 'print JSON')
    .action(show);
  const offCommand = orderCommand(
    'off',
    'No rules from now on: nothing is refused or flagged, and decisions name no version.',
  )
    .summary('put no rules in force')
    .action((options: OrderOptions) => apply(null, options));
  return new Command('rules')
    .description(paragraphs(DESCRIPTION))
    .addCommand(checkCommand)
    .addCommand(applyCommand)
    .addCommand(showCommand)
    .addCommand(offCommand);
}
