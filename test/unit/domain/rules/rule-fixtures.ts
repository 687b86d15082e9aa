import { ruleSetOf } from '../../../../src/contracts/rule-set.ts';
import type { Rule } from '../../../../src/contracts/rule-set.ts';
import type { TransactionCommand } from '../../../../src/contracts/command.ts';
import type { AccountState, Decision } from '../../../../src/domain/account.ts';
import { decideRun } from '../../../../src/domain/decide.ts';
import type { Verdict } from '../../../../src/domain/decide.ts';
import { historyAfter, noHistory } from '../../../../src/domain/rules/history.ts';
import type { AccountHistory } from '../../../../src/domain/rules/history.ts';
import { RuleSet } from '../../../../src/domain/rules/rule-set.ts';
import {
  account,
  ACCOUNT,
  CARD,
  command,
  decided,
  id,
  original,
  OTHER_ACCOUNT,
  OTHER_CARD,
} from '../fixtures.ts';

/** Version 1, with these rules; it goes through the schema. */
export const ruleSet = (...rules: readonly Rule[]): RuleSet => ruleSetIn('UTC', ...rules);

export function ruleSetIn(timezone: string, ...rules: readonly Rule[]): RuleSet {
  const parsed = ruleSetOf({ timezone, rules });
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.issues));
  return new RuleSet(1, parsed.document);
}

const CARDS = new Map([
  [CARD, ACCOUNT],
  [id(2, 7), ACCOUNT],
  [OTHER_CARD, OTHER_ACCOUNT],
]);

/** Second own card. */
export const SECOND_CARD = id(2, 7);

/** An account of which transactions are decided one after the other, each as a run and a commit of its own. */
export class RuledAccount {
  readonly decisions: Decision[] = [];
  readonly #ruleSet: RuleSet;
  #state: AccountState;
  #history: AccountHistory;

  constructor(rules: RuleSet, balanceCents = 1_000_000n) {
    this.#ruleSet = rules;
    this.#state = account({ seq: 0n, balanceCents });
    this.#history = { ...noHistory(-Infinity), kept: rules.needs };
  }

  /** `at`: time of 2026-11-22, such as `10:40:00`, or a whole RFC 3339 time. Gives the flags, joined; `refused` comes first. */
  decide(at: string, fields: Partial<TransactionCommand> = {}): string {
    const verdict = this.verdict(at, fields);
    const { reason, flags } = decided(verdict);
    return [...(reason === null ? [] : [reason]), ...flags].join(' ');
  }

  verdict(at: string, fields: Partial<TransactionCommand> = {}): Verdict {
    const n = this.decisions.length + 1;
    const given = command({
      transactionId: id(4, n),
      type: 'PURCHASE',
      occurredAt: at.includes('T') ? at : `2026-11-22T${at}Z`,
      ...fields,
    });
    const wanted = given.originalId ?? '';
    const known = this.decisions.find((decision) => decision.command.transactionId === wanted);
    const fact = original({
      transactionId: wanted,
      type: known?.command.type ?? 'PURCHASE',
      amountCents: known?.requestedCents ?? 1_000_000n,
    });
    const facts = { cards: CARDS, originals: new Map([[wanted, fact]]) };
    const requests = [
      { command: given, originalWaitOver: false, receivedAtMs: Date.parse(given.occurredAt) },
    ];
    const rules = { ruleSet: this.#ruleSet, history: this.#history };
    const [verdict] = decideRun(this.#state, requests, facts, { refundAmount: 'message' }, rules);
    const decision = decided(verdict);
    this.decisions.push(decision);
    this.#state = { ...this.#state, seq: decision.seq, balanceCents: decision.balanceAfterCents };
    this.#history = historyAfter(this.#history, [decision], this.#ruleSet.needs);
    return verdict!;
  }
}
