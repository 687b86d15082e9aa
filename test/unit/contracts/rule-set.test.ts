/**
 * Without these: a misspelt field would silently switch a rule off, or an operator would not be told what is wrong with his file.
 */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parseRuleSet, ruleSetOf } from '../../../src/contracts/rule-set.ts';
import { canonicalText } from '../../../src/infra/postgres/rule-store.ts';

const LIMIT = { name: 'a', type: 'transaction-limit', action: 'reject', maxCents: 1 };
const UNBOUNDED = { name: 'v', type: 'velocity', action: 'flag', per: 'card', windowSeconds: 60 };
const VELOCITY = { ...UNBOUNDED, maxCount: 5 };
const AFTER = { name: 's', type: 'spend-after-deposit', action: 'flag', windowSeconds: 60, depositCents: 5 };

/** `path: expectation`, each. */
function issuesOf(value: unknown): readonly string[] {
  const parsed = ruleSetOf(value);
  return parsed.ok ? [] : parsed.issues.map(({ path, expected }) => `${path}: ${expected}`);
}
const issuesWith = (...rules: readonly unknown[]): readonly string[] => issuesOf({ rules });

describe('a rule set', () => {
  it('the example is one, and so is one without rules', () => {
    const text = readFileSync(new URL('../../../docs/rules.example.json', import.meta.url), 'utf8');
    expect(parseRuleSet(text)).toMatchObject({ ok: true });
    expect(issuesOf({ rules: [] })).toEqual([]);
  });

  it('is an object with rules and nothing unknown', () => {
    expect(parseRuleSet('{"rules":').ok).toBe(false);
    expect(issuesOf([])).toEqual(['$: an object {"timezone", "rules"}']);
    expect(issuesOf({})).toEqual(['$.rules: an array of at most 50 rules']);
    expect(issuesOf({ rules: [], zone: 'UTC' })).toEqual(['$: no field "zone": it means nothing here']);
    expect(issuesWith({ ...LIMIT, maxCent: 1 })).toEqual([
      '$.rules[0]: no field "maxCent": it means nothing here',
    ]);
    expect(issuesOf({ version: 2, rules: [] })).toEqual(['$.version: 1, or nothing']);
  });

  it('names everything that is wrong with it at once', () => {
    const issues = issuesOf({
      timezone: 'Mars/Olympus',
      rules: [
        { ...VELOCITY, windowSeconds: 604_801, per: 'person' },
        { ...LIMIT, maxCents: 1.5, name: 'A' },
        { type: 'x' },
      ],
    });
    expect(issues.map((issue) => issue.split(':')[0])).toEqual([
      '$.timezone',
      '$.rules[0].per',
      '$.rules[0].windowSeconds',
      '$.rules[1].name',
      '$.rules[1].maxCents',
      '$.rules[2].type',
    ]);
  });

  it('is bounded', () => {
    const many = Array.from({ length: 51 }, (_, n) => ({ ...LIMIT, name: `r${n}` }));
    expect(issuesWith(...many)).toEqual(['$.rules: an array of at most 50 rules']);
    expect(issuesWith(...many.slice(1))).toEqual([]);
    expect(issuesWith({ ...VELOCITY, maxCount: 501 })).toEqual([
      '$.rules[0].maxCount: a whole number from 1 to 500',
    ]);
    expect(issuesWith({ ...VELOCITY, windowSeconds: 604_800 })).toEqual([]);
    const account = '10000000-0000-4000-8000-000000000001';
    expect(issuesWith({ ...LIMIT, accounts: Array.from({ length: 101 }, () => account) })).toHaveLength(1);
    expect(issuesWith({ ...LIMIT, cards: [] })).toHaveLength(1);
  });

  it('two rules have two names', () => {
    expect(issuesWith(LIMIT, { ...LIMIT, maxCents: 2 })).toEqual([
      '$.rules[1].name: a name that no other rule has',
    ]);
  });

  it('says all that a rule needs', () => {
    expect(issuesWith(UNBOUNDED)).toEqual(['$.rules[0]: "maxCount", "maxCents" or both']);
    expect(issuesWith(AFTER)).toEqual(['$.rules[0]: "debitCents" or "debitPercent", not both']);
    expect(issuesWith({ ...AFTER, debitCents: 1, debitPercent: 5 })).toHaveLength(1);
    expect(issuesWith({ ...AFTER, debitPercent: 100 })).toEqual([]);
  });

  it('refuses nothing that only looks at money that comes in', () => {
    const words = 'no rule refuses that';
    expect(issuesWith({ ...LIMIT, types: ['DEPOSIT'] })).toEqual([expect.stringContaining(words)]);
    const ratio = { ...UNBOUNDED, type: 'refund-ratio', by: 'count', maxPercent: 50 };
    expect(issuesWith({ ...ratio, action: 'reject' })).toEqual([expect.stringContaining(words)]);
    expect(issuesWith(ratio, { ...LIMIT, types: ['DEPOSIT'], action: 'flag' })).toEqual([]);
    expect(issuesWith({ ...LIMIT, types: ['DEPOSIT', 'REFUND'] })).toEqual([]);
  });

  it('has one text, however it was written', () => {
    const parsed = ruleSetOf({ rules: [{ ...VELOCITY }], timezone: 'UTC' });
    const other = parseRuleSet(
      JSON.stringify({ timezone: 'UTC', rules: [{ maxCount: 5, ...UNBOUNDED }] }, null, 2),
    );
    if (!parsed.ok || !other.ok) throw new Error('not a rule set');
    expect(canonicalText(parsed.document)).toBe(canonicalText(other.document));
  });
});
