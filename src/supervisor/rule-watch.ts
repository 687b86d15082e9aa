import type { RuleSet } from '../domain/rules/rule-set.ts';
import { LIMITS } from '../limits.ts';
import type { Clock, Logger } from '../ports/runtime.ts';
import type { RuleStore } from '../ports/stores.ts';
import type * as ReadRuleSet from './read-rule-set.ts';
import { RegularLook } from './regular-look.ts';

export interface RuleWatchOptions {
  readonly store: RuleStore;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * The rule set in force, as this node knows it: looked for every `rulesPollMs`, so the nodes of a cluster may differ for about
 * a second after a new one was applied. Each decision says in the journal which one it was made under.
 *
 * W1. Nothing is decided before the first look: a node that was started anew must not forget the rules.
 * W2. What cannot be looked for, or cannot be read, changes nothing: the last set that was understood stays in force.
 */
export class RuleWatch {
  readonly #options: RuleWatchOptions;
  readonly #looks: RegularLook;
  #reading: Promise<typeof ReadRuleSet> | null = null;
  #inForce: RuleSet | null = null;
  #seenVersion = 0;

  constructor(options: RuleWatchOptions) {
    this.#options = options;
    const { clock, logger } = options;
    this.#looks = new RegularLook({
      clock,
      pollMs: LIMITS.rulesPollMs,
      look: () => this.load(),
      onLost: (err) => logger.error({ err }, 'new rules cannot be read; the last ones stay in force'),
    });
  }

  /** null: no rules. */
  readonly inForce = (): RuleSet | null => this.#inForce;

  /** W1. Rejects with the driver's error, or with `RuleSetUnreadable`. */
  async load(): Promise<void> {
    // What reads and asks rules is loaded by the first look: a node without rules never has it.
    const { readRuleSet } = await (this.#reading ??= import('./read-rule-set.ts'));
    const found = await this.#options.store.newerThan(this.#seenVersion);
    if (found === null) return;
    const { version, document } = found;
    this.#inForce = document === null ? null : readRuleSet(version, document);
    this.#seenVersion = version;
    const fields = { rules_version: version, state: document === null ? 'off' : 'in force' };
    this.#options.logger.info(fields, 'rules were taken over');
  }

  start(): void {
    this.#looks.start();
  }

  stop(): void {
    this.#looks.stop();
  }
}
