/**
 * The stream that drive sends. Without these, a demonstration could stumble over itself: keys that collide in
 * PostgreSQL, rows that no foreign key allows, messages that are no messages of the contract, a seed that does not
 * repeat, or a stream in which nothing is ever rejected.
 */
import { describe, expect, it, vi } from 'vitest';
import type { TransactionCommand } from '../../../src/contracts/command.ts';
import { decodeMessage } from '../../../src/contracts/decode.ts';
import { encodeOperation } from '../../../src/drive/encode-operation.ts';
import {
  INTENTS,
  isSound,
  type Intent,
  type Operation,
  type SoundOperation,
} from '../../../src/drive/operation.ts';
import { Traffic, TRAFFIC_DEFAULTS, type TrafficOptions } from '../../../src/drive/traffic.ts';
import { fc } from '../../support/properties.ts';

// Seconds of work on an idle machine, more on a busy one.
vi.setConfig({ testTimeout: 60_000 });

const NOW_MICROS = Date.UTC(2026, 10, 22, 10, 40) * 1000;
const OPTIONS: TrafficOptions = { ...TRAFFIC_DEFAULTS, seed: 'seven', run: 'first', accounts: 50 };

function operationsOf(options: Partial<TrafficOptions>, transactions: number): readonly SoundOperation[] {
  return everyOperationOf(options, transactions).filter(isSound);
}

function everyOperationOf(options: Partial<TrafficOptions>, transactions: number): readonly Operation[] {
  const traffic = new Traffic({ ...OPTIONS, ...options });
  const operations: Operation[] = [];
  // 25 operations share a millisecond, as at 25,000 a second.
  for (let index = 0; index < transactions; index += 1) {
    operations.push(...traffic.next(NOW_MICROS + Math.floor(index / 25) * 1000));
  }
  return [...operations, ...traffic.rest()];
}

type TransactionOperation = Extract<Operation, { kind: 'transaction' }>;
const transactionsOf = (operations: readonly Operation[]): readonly TransactionOperation[] =>
  operations.filter((operation) => operation.kind === 'transaction');

const countsOf = (operations: readonly Operation[]): Partial<Record<Intent, number>> => {
  const counts: Partial<Record<Intent, number>> = {};
  for (const { intent } of transactionsOf(operations)) counts[intent] = (counts[intent] ?? 0) + 1;
  return counts;
};

describe('the stream', () => {
  it('is the same for the same seed, and the same under other ids for another run', () => {
    const first = operationsOf({}, 500);
    expect(operationsOf({}, 500)).toEqual(first);

    const again = operationsOf({ run: 'second' }, 500);
    const outline = (operations: readonly Operation[]): unknown[] =>
      transactionsOf(operations).map(({ intent, queue, command }) => [
        intent,
        queue,
        command.amountCents,
        command.shape,
      ]);
    expect(outline(again)).toEqual(outline(first));
    const ids = new Set(transactionsOf(first).map(({ command }) => command.transactionId));
    for (const { command } of transactionsOf(again)) expect(ids).not.toContain(command.transactionId);
    expect(outline(operationsOf({ seed: 'eight' }, 500))).not.toEqual(outline(first));
  });

  it.each([
    ['many accounts', {}],
    ['one account, few amounts to choose from', { accounts: 1 }],
    ['a skewed load', { accounts: 100, skew: 1.2 }],
  ])('never gives an id or a key twice, and time only goes on: %s', (_, options) => {
    const commands = transactionsOf(operationsOf(options, 20_000)).map(({ command }) => command);
    expect(new Set(commands.map(({ transactionId }) => transactionId)).size).toBe(commands.length);
    expect(new Set(commands.map(({ idempotencyKey }) => idempotencyKey)).size).toBe(commands.length);

    const last = new Map<string, string>();
    for (const { shape, accountId, occurredAt } of commands) {
      if (shape === 'documented') continue;
      const bare = occurredAt.replace('Z', '');
      const padded = (bare.includes('.') ? bare : `${bare}.`).padEnd(26, '0');
      expect(padded > (last.get(accountId) ?? '')).toBe(true);
      last.set(accountId, padded);
    }
  });

  it('keeps keys apart that differ in nothing but their time', () => {
    const mix = { ...zeroMix(), 'insufficient-funds': 1 };
    const commands = transactionsOf(operationsOf({ accounts: 1, mix, documentedShare: 0 }, 20_000));
    expect(new Set(commands.map(({ command }) => command.idempotencyKey)).size).toBe(20_000);
    const amounts = new Set(commands.map(({ command }) => command.amountCents));
    expect(amounts.size).toBeLessThan(20_000);
  });

  it('has messages that decode to what was meant, on every queue and in both shapes', () => {
    const operations = operationsOf(
      { documentedShare: 0.5, balanceRequestsShare: 0.2, duplicatesShare: 0.2 },
      4_000,
    );
    for (const operation of operations) {
      expect(decodeMessage(operation.queue, encodeOperation(operation))).toEqual({
        ok: true,
        command: operation.command,
      });
    }
    const roads = new Set(operations.map(({ queue, command }) => `${queue} ${command.shape}`));
    expect([...roads].sort()).toEqual([
      'balance_calculation_queue documented',
      'calculate_balance_queue live',
      'refund_queue documented',
      'transactions_queue documented',
      'transactions_queue live',
    ]);
  });

  it('writes a live message as Go does', () => {
    const [operation] = operationsOf({ documentedShare: 0, mix: { ...zeroMix(), deposit: 1 } }, 1);
    const { transactionId, accountId, amountCents } = operation!.command as TransactionCommand;
    expect(encodeOperation(operation!).toString()).toBe(
      `{"id":"${transactionId}","account_id":"${accountId}","card_id":{"String":"","Valid":false},` +
        `"refund_transaction_id":{"String":"","Valid":false},"amount_cents":${amountCents.toString()},` +
        `"status":"PENDING","type":"DEPOSIT",` +
        `"idempotency_key":"2026-11-22-10:40:00.000:${accountId}:DEPOSIT:${amountCents.toString()}",` +
        `"created_at":"2026-11-22T10:40:00Z"}`,
    );
  });
});

describe('the mix', () => {
  it('has every intent, near its weight, once accounts have something to spend', () => {
    const counts = countsOf(operationsOf({}, 20_000));
    expect(Object.keys(counts).sort()).toEqual([...INTENTS].sort());
    expect(counts['charge']).toBeGreaterThan(1_800);
    expect(counts['insufficient-funds']).toBeGreaterThan(600);
    expect(counts['over-refund']).toBeGreaterThan(250);
    expect(counts['unknown-card']).toBeGreaterThan(100);
  });

  it('sends what a row cannot hold only in the shape that has no row', () => {
    for (const { intent, command } of transactionsOf(operationsOf({}, 5_000))) {
      if (intent === 'unknown-card') expect(command.shape).toBe('documented');
    }
  });

  it('plans approvals that an account can pay and refunds that fit, checked by an independent ledger', () => {
    fc.assert(
      fc.property(fc.string(), fc.integer({ min: 1, max: 5 }), (seed, accounts) => {
        const ledger = new Map<string, { type: string; left: bigint }>();
        const balances = new Map<string, bigint>();
        for (const { intent, command } of transactionsOf(operationsOf({ seed, accounts }, 300))) {
          const { accountId, amountCents, type, originalId, transactionId } = command;
          const balance = balances.get(accountId) ?? 0n;
          const original = originalId === null ? undefined : ledger.get(originalId);
          if (intent === 'insufficient-funds') expect(amountCents > balance).toBe(true);
          if (intent === 'over-refund') expect(amountCents > original!.left).toBe(true);
          if (REJECTED.has(intent)) continue;

          const isCredit = type === 'DEPOSIT' || (original !== undefined && original.type !== 'DEPOSIT');
          const after = isCredit ? balance + amountCents : balance - amountCents;
          expect(after >= 0n).toBe(true);
          balances.set(accountId, after);
          if (original !== undefined) original.left -= amountCents;
          expect(original === undefined || original.left >= 0n).toBe(true);
          if (intent === 'full-refund') expect(original?.left).toBe(0n);
          if (type !== 'REFUND') ledger.set(transactionId, { type, left: amountCents });
        }
      }),
      { numRuns: 50 },
    );
  });

  it('repeats only what was sent before, unchanged, as often as asked', () => {
    const operations = operationsOf({ duplicatesShare: 0.3, accounts: 10 }, 2_000);
    const sent = new Map<string, Buffer>();
    let repeats = 0;
    for (const operation of operations) {
      if (operation.kind === 'balance-request') continue;
      const { transactionId } = operation.command;
      if (operation.kind === 'transaction') sent.set(transactionId, encodeOperation(operation));
      else {
        repeats += 1;
        expect(sent.get(transactionId)?.equals(encodeOperation(operation))).toBe(true);
      }
    }
    expect(repeats).toBeGreaterThan(500);
    expect(repeats).toBeLessThan(700);
  });

  it('has poison that nothing can decide, beside the same stream as without', () => {
    const operations = everyOperationOf({ poisonShare: 0.3 }, 2_000);
    expect(operations.filter(isSound)).toEqual(operationsOf({}, 2_000));
    const poison = operations.filter((operation) => !isSound(operation));
    expect(poison.length).toBeGreaterThan(500);
    const codes = poison.map((operation) => {
      const decoded = decodeMessage(operation.queue, encodeOperation(operation));
      return decoded.ok ? 'decoded' : `${decoded.refusal.code} ${decoded.refusal.deadLetterQueue}`;
    });
    // The decoded ones name an account that nobody has.
    expect([...new Set(codes)].sort()).toEqual([
      'BODY_NOT_JSON system_dlq',
      'BODY_NOT_OBJECT system_dlq',
      'MESSAGE_INVALID balance_dlq',
      'MESSAGE_INVALID transactions_dlq',

      'decoded',
    ]);
  });

  it('is busier on the first accounts when skewed', () => {
    const share = (skew: number): number => {
      const traffic = new Traffic({ ...OPTIONS, skew });
      const first = traffic.accounts[0]!.id;
      const commands = Array.from({ length: 5_000 }, () => traffic.next(NOW_MICROS)[0]!)
        .filter(isSound)
        .map(({ command }) => command);
      return commands.filter(({ accountId }) => accountId === first).length / 5_000;
    };
    expect(share(0)).toBeLessThan(0.04);
    expect(share(1.2)).toBeGreaterThan(0.2);
  });

  it('refuses weights that make no traffic', () => {
    expect(() => new Traffic({ ...OPTIONS, mix: zeroMix() })).toThrow(RangeError);
    expect(() => new Traffic({ ...OPTIONS, mix: { ...zeroMix(), charge: -1 } })).toThrow(RangeError);
    expect(() => new Traffic({ ...OPTIONS, accounts: 0 })).toThrow(RangeError);
  });
});

const REJECTED: ReadonlySet<Intent> = new Set([
  'insufficient-funds',
  'foreign-card',
  'unknown-card',
  'over-refund',
]);

function zeroMix(): Record<Intent, number> {
  return Object.fromEntries(INTENTS.map((intent) => [intent, 0])) as Record<Intent, number>;
}
