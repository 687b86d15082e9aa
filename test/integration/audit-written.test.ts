/**
 * Without these: what decides, what writes and what audits could each be right by its own tests and not fit together; the
 * audit would call a right ledger wrong, or the writer would write what only its own tests expect.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TRANSACTION_TYPES } from '../../src/contracts/command.ts';
import type { TransactionCommand } from '../../src/contracts/command.ts';
import { decideRun } from '../../src/domain/decide.ts';
import type { DecideOptions } from '../../src/domain/decide.ts';
import { shardOf } from '../../src/domain/shard.ts';
import { auditLedger } from '../../src/infra/postgres/audit.ts';
import type { PostgresLedger } from '../../src/infra/postgres/ledger.ts';
import { PostgresReader } from '../../src/infra/postgres/reader.ts';
import type { RoadDecision } from '../../src/ports/ledger.ts';
import { insertRow, ledgerOn, newAccount, newCard, newCommand } from '../support/ledger-fixtures.ts';
import { withDatabase } from '../support/services.ts';
import type { TestDatabase } from '../support/services.ts';
import { fc } from '../support/properties.ts';
import { uuid } from './audit-ledger.ts';

interface Wish {
  readonly type: TransactionCommand['type'];
  readonly shape: TransactionCommand['shape'];
  readonly amountCents: bigint;
  /** Own, another account's, unknown, none. */
  readonly card: number;
  /** Number of an earlier command; negative: one that does not exist. */
  readonly target: number;
}

const wishes = fc.array(
  fc.record({
    type: fc.constantFrom(...TRANSACTION_TYPES, 'REFUND' as const),
    shape: fc.constantFrom('live' as const, 'documented' as const),
    amountCents: fc.bigInt({ min: 1n, max: 90n }),
    card: fc.nat({ max: 3 }),
    target: fc.integer({ min: -1, max: 20 }),
  }),
  { minLength: 60, maxLength: 60 },
);

describe.each(['message', 'original'] as const)('a ledger written with REFUND_AMOUNT=%s', (refundAmount) => {
  let database: TestDatabase;
  let ledger: PostgresLedger;

  beforeAll(async () => {
    database = await withDatabase();
    await database.pool.query(`update processor.cluster set opened_at = '2026-01-01', refund_amount = $1`, [
      refundAmount,
    ]);
    ledger = ledgerOn(database.url, { refundAmount });
  });

  afterAll(async () => {
    await ledger.close();
    await database.drop();
  });

  it('is found right', async () => {
    const [list = []] = fc.sample(wishes, { numRuns: 1, seed: 20261122 });
    const decided = { approved: 0, rejected: 0 };
    const [first, second] = [await newAccount(database.pool), await newAccount(database.pool)];
    const cards = [
      await newCard(database.pool, first),
      await newCard(database.pool, second),
      uuid(2, 9),
      null,
    ];
    const commands = list.map((wish, n) => commandOf(wish, n, n % 2 === 0 ? first : second, cards));
    // In runs of ten, so that refunds meet originals of the same commit and of earlier ones.
    for (let from = 0; from < commands.length; from += 10) {
      for (const accountId of [first, second]) {
        const run = commands.slice(from, from + 10).filter((command) => command.accountId === accountId);
        const decisions = await decideAndCommit(accountId, run, { refundAmount });
        for (const { outcome } of decisions) decided[outcome === 'APPROVED' ? 'approved' : 'rejected'] += 1;
      }
    }
    const report = await auditLedger({ pool: database.pool });
    expect(report.violations).toEqual([]);
    expect(report.counts).toMatchObject(decided);
    expect(decided.approved).toBeGreaterThan(15);
    expect(Object.keys(report.counts.rejectedByReason).length).toBeGreaterThan(4);
  });

  async function decideAndCommit(
    accountId: string,
    run: readonly TransactionCommand[],
    options: DecideOptions,
  ): Promise<readonly RoadDecision[]> {
    const reader = new PostgresReader(database.pool);
    for (const command of run) if (command.shape === 'live') await insertRow(database.pool, command);
    const cardIds = run.flatMap(({ cardId }) => (cardId === null ? [] : [cardId]));
    const originalIds = run.flatMap(({ originalId }) => (originalId === null ? [] : [originalId]));
    const facts = {
      cards: new Map(await Promise.all(cardIds.map(async (id) => [id, await reader.cardOwner(id)] as const))),
      originals: new Map(
        await Promise.all(originalIds.map(async (id) => [id, await reader.original(id)] as const)),
      ),
    };
    const state = await reader.account(accountId);
    const requests = run.map((command) => ({ command, originalWaitOver: true, receivedAtMs: Date.now() }));
    const decisions = decideRun(state!, requests, facts, options).flatMap((verdict) =>
      verdict.kind === 'decided' ? [verdict.decision] : [],
    );
    const receipt = await ledger.commit([
      {
        accountId,
        shard: shardOf(accountId, 256),
        epoch: 0n,
        previousSeq: state!.seq,
        balanceCents: decisions.at(-1)!.balanceAfterCents,
        decisions: decisions.map((decision) => roadDecision(decision)),
      },
    ]);
    expect(receipt.verdicts).toEqual([{ kind: 'committed' }]);
    return decisions.map(roadDecision);
  }
});

const roadDecision = (
  decision: Omit<RoadDecision, 'road' | 'rulesVersion' | 'mayDecideError'>,
): RoadDecision => ({
  ...decision,
  road: 'delivery',
  rulesVersion: null,
  mayDecideError: false,
});

/** The Go API's row refers to its card: a live command with a card that does not exist cannot be. */
function commandOf(
  wish: Wish,
  n: number,
  accountId: string,
  cards: readonly (string | null)[],
): TransactionCommand {
  const { type, amountCents, shape } = wish;
  const cardId = cards[wish.card] ?? null;
  const target = wish.target < 0 ? uuid(3, 999) : uuid(3, Math.max(0, n - wish.target));
  return newCommand({
    transactionId: uuid(3, n),
    accountId,
    type,
    amountCents: type === 'DEPOSIT' ? amountCents * 5n : amountCents,
    shape: cardId === uuid(2, 9) ? 'documented' : shape,
    cardId,
    originalId: type === 'REFUND' ? target : null,
    idempotencyKey: `key-${uuid(3, n)}`,
  });
}
