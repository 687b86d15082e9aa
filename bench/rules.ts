/**
 * CPU that rules add to a decision: `decideRun` without a rule set and with the example set, for accounts with a short and with a full
 * past; and what a remembered decision takes in memory.
 *
 *   node --expose-gc --import ./test/support/typescript-loader.mjs bench/rules.ts
 */
import { readFileSync } from 'node:fs';
import type { TransactionCommand } from '../src/contracts/command.ts';
import { parseRuleSet } from '../src/contracts/rule-set.ts';
import type { AccountState } from '../src/domain/account.ts';
import { decideRun } from '../src/domain/decide.ts';
import { historyAfter, noHistory } from '../src/domain/rules/history.ts';
import type { AccountHistory } from '../src/domain/rules/history.ts';
import { RuleSet } from '../src/domain/rules/rule-set.ts';

const START_MS = Date.parse('2026-11-22T10:40:00Z');
const CARD = '22222222-0000-4000-8000-000000000001';
const facts = { cards: new Map([[CARD, 'account']]), originals: new Map() };

const parsed = parseRuleSet(readFileSync(new URL('../docs/rules.example.json', import.meta.url), 'utf8'));
if (!parsed.ok) throw new Error('the example is no rule set');
// The days of a time zone are remembered by the quarter of an hour; these transactions lie further apart.
const example = new RuleSet(1, { ...parsed.document, timezone: 'UTC' });

function commandOf(n: number, everyMs: number): TransactionCommand {
  const occurredAt = new Date(START_MS + n * everyMs).toISOString();
  return {
    kind: 'transaction',
    shape: 'live',
    transactionId: `transaction ${n}`,
    accountId: 'account',
    type: n % 3 === 0 ? 'DEPOSIT' : 'PURCHASE',
    amountCents: BigInt(1 + (n % 50)),
    cardId: n % 3 === 0 ? null : CARD,
    originalId: null,
    idempotencyKey: `key ${n}`,
    occurredAt,
  };
}

const cpuMicroseconds = (): number => {
  const { user, system } = process.cpuUsage();
  return user + system;
};

interface Measured {
  /** CPU per decision, each in a run of its own. */
  readonly us: number;
  readonly history: AccountHistory;
}

function measure(ruleSet: RuleSet | null, everyMs: number, count = 4_000): Measured {
  const needs = ruleSet?.needs ?? null;
  let state: AccountState = {
    accountId: 'account',
    balanceCents: 1_000_000_000n,
    seq: 0n,
    status: 'active',
    overdraftCents: 0n,
  };
  let history: AccountHistory = { ...noHistory(-Infinity), kept: needs };
  const commands = Array.from({ length: 2 * count }, (_, n) => commandOf(n, everyMs));
  let startedUs = 0;
  for (const [n, command] of commands.entries()) {
    // What comes before fills the past and warms up.
    if (n === count) startedUs = cpuMicroseconds();
    const request = { command, originalWaitOver: false, receivedAtMs: START_MS };
    const [verdict] = decideRun(state, [request], facts, { refundAmount: 'message' }, { ruleSet, history });
    if (verdict?.kind !== 'decided') throw new Error('not decided');
    const { seq, balanceAfterCents: balanceCents } = verdict.decision;
    state = { ...state, seq, balanceCents };
    history = historyAfter(history, [verdict.decision], needs);
  }
  return { us: (cpuMicroseconds() - startedUs) / count, history };
}

function bytesEach(): number {
  globalThis.gc?.();
  const before = process.memoryUsage().heapUsed;
  const histories = Array.from({ length: 20 }, () => measure(example, 1_000, 1_000).history);
  globalThis.gc?.();
  const kept = histories.reduce((sum, { approved, rejected }) => sum + approved.length + rejected.length, 0);
  return (process.memoryUsage().heapUsed - before) / kept;
}

const HOUR_MS = 3_600_000;
for (let round = 1; round <= 3; round += 1) {
  process.stdout.write(`no rules: ${measure(null, 1_000).us.toFixed(1)} us a decision\n`);
  for (const everyMs of [12 * HOUR_MS, 2 * HOUR_MS, 1_000]) {
    const { us, history } = measure(example, everyMs);
    const remembered = history.approved.length + history.rejected.length;
    process.stdout.write(`example set, ${remembered} remembered: ${us.toFixed(1)} us\n`);
  }
}
process.stdout.write(`a remembered decision: ${bytesEach().toFixed(0)} bytes\n`);
