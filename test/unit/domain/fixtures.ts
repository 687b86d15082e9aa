import type { TransactionCommand } from '../../../src/contracts/command.ts';
import type { AccountState, Decision, Facts, OriginalFact } from '../../../src/domain/account.ts';
import { decideRun } from '../../../src/domain/decide.ts';
import type { DecideOptions, Verdict } from '../../../src/domain/decide.ts';
import { noHistory } from '../../../src/domain/rules/history.ts';
import type { RuleSet } from '../../../src/domain/rules/rule-set.ts';
import type { StoredTransaction } from '../../../src/domain/identity.ts';

/** The n-th invented id of a kind: `10000000-0000-4000-8000-00000000000n`. */
export const id = (kind: number, n: number): string =>
  `${String(kind)}0000000-0000-4000-8000-${n.toString(16).padStart(12, '0')}`;

export const ACCOUNT = id(1, 1);
export const OTHER_ACCOUNT = id(1, 2);
export const CARD = id(2, 1);
export const OTHER_CARD = id(2, 2);
export const UNKNOWN_CARD = id(2, 3);
export const ORIGINAL = id(3, 1);

export const RECEIVED_AT_MS = Date.parse('2026-11-22T10:40:01Z');

export const account = (with_: Partial<AccountState> = {}): AccountState => ({
  accountId: ACCOUNT,
  balanceCents: 1_000n,
  seq: 5n,
  status: 'active',
  overdraftCents: 0n,
  ...with_,
});

export const command = (with_: Partial<TransactionCommand> = {}): TransactionCommand => ({
  kind: 'transaction',
  shape: 'live',
  transactionId: id(4, 1),
  accountId: ACCOUNT,
  type: 'DEPOSIT',
  amountCents: 100n,
  cardId: null,
  originalId: null,
  idempotencyKey: 'key-1',
  occurredAt: '2026-11-22T10:40:00.123456Z',
  ...with_,
});

export const refund = (with_: Partial<TransactionCommand> = {}): TransactionCommand =>
  command({ type: 'REFUND', originalId: ORIGINAL, ...with_ });

export const original = (with_: Partial<OriginalFact> = {}): OriginalFact => ({
  transactionId: ORIGINAL,
  status: 'APPROVED',
  accountId: ACCOUNT,
  type: 'PURCHASE',
  amountCents: 300n,
  cardId: null,
  refundedCents: 0n,
  hasRow: with_.status !== 'UNKNOWN',
  ...with_,
});

export const stored = (with_: Partial<StoredTransaction> = {}): StoredTransaction => ({
  transactionId: id(4, 1),
  accountId: ACCOUNT,
  type: 'DEPOSIT',
  amountCents: 100n,
  cardId: null,
  originalId: null,
  idempotencyKey: 'key-1',
  status: 'APPROVED',
  reason: null,
  ...with_,
});

export const facts = (...originals: OriginalFact[]): Facts => ({
  cards: new Map([
    [CARD, ACCOUNT],
    [OTHER_CARD, OTHER_ACCOUNT],
    [UNKNOWN_CARD, null],
  ]),
  originals: new Map(originals.map((fact) => [fact.transactionId, fact])),
});

interface OneCase {
  readonly account?: Partial<AccountState>;
  readonly command: TransactionCommand;
  readonly original?: OriginalFact;
  readonly waitOver?: boolean;
  readonly refundAmount?: DecideOptions['refundAmount'];
  readonly ruleSet?: RuleSet;
}

export function decideOne(one: OneCase): Verdict {
  const verdicts = decideRun(
    account(one.account),
    [{ command: one.command, originalWaitOver: one.waitOver ?? false, receivedAtMs: RECEIVED_AT_MS }],
    facts(...(one.original === undefined ? [] : [one.original])),
    { refundAmount: one.refundAmount ?? 'message' },
    { ruleSet: one.ruleSet ?? null, history: noHistory(-Infinity) },
  );
  return verdicts[0]!;
}

export function decided(verdict: Verdict | undefined): Decision {
  if (verdict?.kind !== 'decided') throw new Error(`not decided: ${verdict?.code ?? 'no verdict'}`);
  return verdict.decision;
}

/** The reason of a rejection, `APPROVED`, or `deferred:` with the code. */
export function outcomeOf(verdict: Verdict | undefined): string {
  if (verdict === undefined) return 'nothing';
  return verdict.kind === 'deferred' ? `deferred:${verdict.code}` : (verdict.decision.reason ?? 'APPROVED');
}
