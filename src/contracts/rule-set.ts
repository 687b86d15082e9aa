import { z } from 'zod';
import { TRANSACTION_TYPES } from './command.ts';
import { amountCents } from './fields.ts';
import { RULE_LIMITS } from './rule-limits.ts';

/**
 * A rule set as an operator writes it: one JSON document, taken whole or refused whole. What each rule means is told in
 * `docs/RULES.md`. Amounts are whole cents, windows whole seconds.
 */

/**
 * `reject`: the transaction is refused (`RULE_REFUSED`). `flag`: it is decided as it would be, and told to the surroundings.
 * `shadow`: nothing but a note in the journal, to try a rule out.
 */
export const RULE_ACTIONS = ['reject', 'flag', 'shadow'] as const;
export type RuleAction = (typeof RULE_ACTIONS)[number];

const { rulesMax, ruleSelectorsMax, ruleWindowSecondsMax, historyKeptMax } = RULE_LIMITS;

function wholeNumber(min: number, max: number): z.ZodType<number> {
  const error = `a whole number from ${min} to ${max}`;
  return z.int({ error }).min(min, { error }).max(max, { error });
}

function oneOf<const T extends readonly [string, ...string[]]>(choices: T): z.ZodType<T[number]> {
  return z.enum(choices, { error: `one of ${choices.map((choice) => `"${choice}"`).join(', ')}` });
}

function selection(what: string) {
  const error = `1 to ${ruleSelectorsMax} ${what} ids (UUIDs)`;
  const id = z.guid({ error: 'a UUID' }).transform((text) => text.toLowerCase());
  return z.array(id, { error }).min(1, { error }).max(ruleSelectorsMax, { error }).readonly().optional();
}

const TYPES_EXPECTED = `an array of at least one of ${TRANSACTION_TYPES.join(', ')}, none of them twice`;
const types = z
  .array(oneOf(TRANSACTION_TYPES), { error: TYPES_EXPECTED })
  .min(1, { error: TYPES_EXPECTED })
  .refine((list) => new Set(list).size === list.length, { error: TYPES_EXPECTED })
  .readonly()
  .optional();

const NAME_EXPECTED = 'a name of 1 to 40 small letters, digits and dashes';
const common = {
  name: z.string({ error: NAME_EXPECTED }).regex(/^[a-z0-9-]{1,40}$/, { error: NAME_EXPECTED }),
  action: oneOf(RULE_ACTIONS),
  /** For these accounts only, or for what is paid with these cards only. */
  accounts: selection('account'),
  cards: selection('card'),
};

const windowSeconds = wholeNumber(1, ruleWindowSecondsMax);
const per = oneOf(['account', 'card']);
/** As many as an account surely remembers. */
const count = (min: number): z.ZodType<number> => wholeNumber(min, historyKeptMax / 2);

const transactionLimit = z.strictObject({
  type: z.literal('transaction-limit'),
  ...common,
  types,
  maxCents: amountCents,
});

const dailyLimit = z.strictObject({
  type: z.literal('daily-limit'),
  ...common,
  types,
  per,
  maxCents: amountCents,
});

const velocity = z
  .strictObject({
    type: z.literal('velocity'),
    ...common,
    types,
    per,
    windowSeconds,
    maxCount: count(1).optional(),
    maxCents: amountCents.optional(),
    /** What `maxCount` counts; `attempts`: rejected ones too. Default `approved`. */
    counts: oneOf(['approved', 'attempts']).optional(),
  })
  .refine((rule) => rule.maxCount !== undefined || rule.maxCents !== undefined, {
    error: '"maxCount", "maxCents" or both',
  });

const repeatedAmount = z.strictObject({
  type: z.literal('repeated-amount'),
  ...common,
  types,
  per,
  windowSeconds,
  /** The how-manieth of equal amounts is one too many. */
  times: count(2),
});

const spendAfterDeposit = z
  .strictObject({
    type: z.literal('spend-after-deposit'),
    ...common,
    windowSeconds,
    depositCents: amountCents,
    debitCents: amountCents.optional(),
    debitPercent: wholeNumber(1, 100).optional(),
  })
  .refine((rule) => (rule.debitCents === undefined) !== (rule.debitPercent === undefined), {
    error: '"debitCents" or "debitPercent", not both',
  });

const refundRatio = z.strictObject({
  type: z.literal('refund-ratio'),
  ...common,
  per,
  windowSeconds,
  by: oneOf(['count', 'cents']),
  maxPercent: wholeNumber(1, 1_000),
  /** With fewer refunds in the window, this one included, the ratio says nothing. Default 3. */
  minRefunds: count(1).optional(),
});

const rule = z
  .discriminatedUnion(
    'type',
    [transactionLimit, dailyLimit, velocity, repeatedAmount, spendAfterDeposit, refundRatio],
    {
      error:
        'a rule whose type is one of "transaction-limit", "daily-limit", "velocity", "repeated-amount", "spend-after-deposit", "refund-ratio"',
    },
  )
  .superRefine((given, context) => {
    if (given.action !== 'reject') return;
    const creditsOnly = 'types' in given && given.types?.every((type) => type === 'DEPOSIT') === true;
    if (given.type !== 'refund-ratio' && !creditsOnly) return;
    context.addIssue({
      code: 'custom',
      path: ['action'],
      message: '"flag" or "shadow": this rule looks at money that comes in, and no rule refuses that',
    });
  });

const RULES_EXPECTED = `an array of at most ${rulesMax} rules`;

const ruleSet = z.strictObject(
  {
    /** Of the form of this document, not of its content. */
    version: z.literal(1, { error: '1, or nothing' }).optional(),
    timezone: z
      .string({ error: 'a time zone, "UTC" or a name like "America/Sao_Paulo"' })
      .refine(isTimeZone, { error: 'a time zone, "UTC" or a name like "America/Sao_Paulo"' })
      .optional(),
    rules: z
      .array(rule, { error: RULES_EXPECTED })
      .max(rulesMax, { error: RULES_EXPECTED })
      .superRefine(refuseRepeatedNames)
      .readonly(),
  },
  { error: (issue) => unknownFields(issue) ?? 'an object {"timezone", "rules"}' },
);

export type RuleSetDocument = Readonly<z.infer<typeof ruleSet>>;
export type Rule = RuleSetDocument['rules'][number];
export type RuleOf<Type extends Rule['type']> = Extract<Rule, { readonly type: Type }>;

export interface RuleSetIssue {
  /** JSON path, `$` for the whole document. */
  readonly path: string;
  /** What is expected there. */
  readonly expected: string;
}

export type ParsedRuleSet =
  | { readonly ok: true; readonly document: RuleSetDocument }
  | { readonly ok: false; readonly issues: readonly RuleSetIssue[] };

/** From a parsed JSON value. */
export function ruleSetOf(value: unknown): ParsedRuleSet {
  const parsed = ruleSet.safeParse(value, { error: unknownFields });
  if (parsed.success) return { ok: true, document: parsed.data };
  return { ok: false, issues: parsed.error.issues.map(issueOf) };
}

/** From the text of a file. */
export function parseRuleSet(text: string): ParsedRuleSet {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error);
    return { ok: false, issues: [{ path: '$', expected: `a JSON document (${detail})` }] };
  }
  return ruleSetOf(value);
}

/** What the schemas do not say in words of their own. */
function unknownFields(issue: z.core.$ZodRawIssue): string | undefined {
  if (issue.code !== 'unrecognized_keys') return undefined;
  return `no field ${issue.keys.map((key) => `"${key}"`).join(', ')}: it means nothing here`;
}

function issueOf({ path, message }: z.core.$ZodIssue): RuleSetIssue {
  const steps = path.map((step) => (typeof step === 'number' ? `[${step}]` : `.${String(step)}`));
  return { path: `$${steps.join('')}`, expected: message };
}

function isTimeZone(name: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions().timeZone !== '';
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
}

function refuseRepeatedNames(rules: readonly { readonly name: string }[], context: z.RefinementCtx): void {
  const seen = new Set<string>();
  for (const [index, { name }] of rules.entries()) {
    if (seen.has(name))
      context.addIssue({ code: 'custom', path: [index, 'name'], message: 'a name that no other rule has' });
    seen.add(name);
  }
}
