import { ensureError } from '../domain/errors.ts';
import type { RuleSet } from '../domain/rules/rule-set.ts';
import { LIMITS } from '../limits.ts';
import type { Clock, Logger } from '../ports/runtime.ts';
import type { RuleStore } from '../ports/stores.ts';
import type * as ReadRuleSet from './read-rule-set.ts';

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
  #reading: Promise<typeof ReadRuleSet> | null = null;
  #inForce: RuleSet | null = null;
  #seenVersion = 0;
  #sight: 'clear' | 'lost' = 'clear';
  #phase: 'running' | 'stopped' = 'stopped';
  #cancel: () => void = () => undefined;

  constructor(options: RuleWatchOptions) {
    this.#options = options;
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
    this.#phase = 'running';
    this.#lookLater();
  }

  stop(): void {
    this.#phase = 'stopped';
    this.#cancel();
  }

  #lookLater(): void {
    if (this.#phase === 'stopped') return;
    this.#cancel = this.#options.clock.after(LIMITS.rulesPollMs, () => void this.#look());
  }

  async #look(): Promise<void> {
    const { logger } = this.#options;
    try {
      await this.load();
      this.#sight = 'clear';
    } catch (error) {
      // Once, not every second.
      if (this.#sight === 'clear')
        logger.error({ err: ensureError(error) }, 'new rules cannot be read; the last ones stay in force');
      this.#sight = 'lost';
    }
    this.#lookLater();
  }
}
