import { ruleSetOf } from '../contracts/rule-set.ts';
import { RuleSet } from '../domain/rules/rule-set.ts';

/** A rule set that this version of the program cannot read: a newer one has applied it. */
export class RuleSetUnreadable extends Error {
  override readonly name = 'RuleSetUnreadable';
}

/** Loaded with the rules alone (`RuleWatch`). Throws `RuleSetUnreadable`. */
export function readRuleSet(version: number, document: unknown): RuleSet {
  const parsed = ruleSetOf(document);
  if (parsed.ok) return new RuleSet(version, parsed.document);
  const [issue] = parsed.issues;
  throw new RuleSetUnreadable(
    `rule set ${version} cannot be read by this version of the program: at ${issue?.path ?? '$'} it expects ` +
      `${issue?.expected ?? 'something else'}. Use the version that applied it, or \`paygate rules apply\` another set.`,
  );
}
