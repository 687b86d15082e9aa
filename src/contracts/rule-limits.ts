/** Bounds of rule sets and of what an account remembers for them. The processor's `LIMITS` take these over. */
export interface RuleLimits {
  readonly rulesMax: number;
  /** Accounts, or cards, that one rule names. */
  readonly ruleSelectorsMax: number;
  /** The longest window. */
  readonly ruleWindowSecondsMax: number;
  /**
   * Decisions that an account's actor keeps of each outcome: the newest ones. An account with more of them inside a window is
   * measured by these, so a limit may be found too late there, never too early. About 0.12 kB each.
   */
  readonly historyKeptMax: number;
  /** How many journal rows back the oldest of them may be: what a read of the journal costs at most. */
  readonly historyWalkMax: number;
  /** How long before its receipt a transaction may say that it happened, in the documented shape. */
  readonly eventAgeMsMax: number;
}

export const RULE_LIMITS: RuleLimits = Object.freeze({
  rulesMax: 50,
  ruleSelectorsMax: 100,
  ruleWindowSecondsMax: 7 * 24 * 3_600,
  historyKeptMax: 1_000,
  historyWalkMax: 20_000,
  eventAgeMsMax: 24 * 3_600_000,
});
