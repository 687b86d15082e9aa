/** Without this: two commits of one account race, one bad account stops the others, or a change is never answered. */
import { beforeEach, describe, expect, it } from 'vitest';
import { CommitLane } from '../../../src/actors/commit-lane.ts';
import type { ProposalResult } from '../../../src/actors/commit-lane.ts';
import type { CommittedBatch } from '../../../src/actors/committed-batch.ts';
import { LIMITS } from '../../../src/limits.ts';
import type { AccountChange, RoadDecision } from '../../../src/ports/ledger.ts';
import { settlePromises } from '../../support/fakes/account-stage.ts';
import { FakeClock, SeededRandom } from '../../support/fakes/fake-clock.ts';
import { accountIdOf, cardIdOf, transaction, transactionIdOf } from '../../support/fakes/fake-envelope.ts';
import { COMMIT_MS, FakeLedger } from '../../support/fakes/fake-ledger.ts';
import { CountingMetrics, QuietLogger } from '../../support/fakes/quiet.ts';

/** What makes the next one wait as long as anything may. */
const LARGE_COUNT = 1 + Math.ceil((LIMITS.commitGatherMsMax / LIMITS.commitGatherGrowthMs) ** 2);

let clock: FakeClock;
let ledger: FakeLedger;
let metrics: CountingMetrics;
let logger: QuietLogger;
let lane: CommitLane;
let committed: CommittedBatch[];
let answers: string[];
let faultOf: (changes: readonly AccountChange[]) => 'none' | 'busy' | 'refused' | 'lost-after';

beforeEach(() => {
  faultOf = () => 'none';
  clock = new FakeClock();
  ledger = new FakeLedger({ clock, fault: (changes) => faultOf(changes) });
  metrics = new CountingMetrics();
  logger = new QuietLogger();
  committed = [];
  answers = [];
  const onCommitted = (batch: CommittedBatch): void => void committed.push(batch);
  lane = new CommitLane({ ledger, clock, random: new SeededRandom(1), metrics, logger, onCommitted });
});

/** Deposits of 100 cents to account `n`, ids `n * 1000` and on. */
function change(n: number, count = 1, previousSeq = 0n): AccountChange {
  const decisions = Array.from({ length: count }, (_, index): RoadDecision => {
    const seq = previousSeq + BigInt(index) + 1n;
    return {
      command: transaction(n * 1000 + Number(seq), { accountId: accountIdOf(n) }),
      seq,
      eventTime: { atMs: 0, text: '1970-01-01T00:00:00.000Z' },
      outcome: 'APPROVED',
      reason: null,
      requestedCents: 100n,
      amountCents: 100n,
      balanceAfterCents: 100n * seq,
      rowCardId: null,
      rowOriginalId: null,
      cardTotal: null,
      road: 'delivery',
      rulesVersion: null,
      flags: [],
      mayDecideError: false,
    };
  });
  const balanceCents = 100n * (previousSeq + BigInt(count));
  return { accountId: accountIdOf(n), shard: n, epoch: 1n, previousSeq, balanceCents, decisions };
}

function submit(...changes: readonly AccountChange[]): void {
  for (const one of changes) {
    if (!ledger.accounts.has(one.accountId)) ledger.addAccount(one.accountId);
    lane.submit(one, (result) => answers.push(`${one.shard} ${describeResult(result)}`));
  }
}

const describeResult = (result: ProposalResult): string =>
  result.kind === 'failed' ? `failed ${result.failure.kind}` : result.kind;
const tried = (): readonly string[] =>
  ledger.tried.map((changes) => changes.map(({ shard }) => shard).join(' '));

async function run(): Promise<void> {
  await settlePromises();
  while (clock.soonCount > 0) {
    clock.runSoon();
    await settlePromises();
  }
}

async function runThroughPauses(): Promise<void> {
  await run();
  while (clock.timerCount > 0) {
    clock.advance(10);
    await run();
  }
}

describe('gathering', () => {
  it('commits what one turn brings together, and what comes meanwhile afterwards', async () => {
    ledger.gate.close();
    submit(change(1), change(2));
    await run();
    submit(change(3), change(4));
    await run();
    expect(tried()).toEqual(['1 2']);
    ledger.gate.open();
    await run();
    expect(tried()).toEqual(['1 2', '3 4']);
    expect(answers).toEqual(['1 committed', '2 committed', '3 committed', '4 committed']);
  });

  it('answers nobody before the commit, and not inside submit', async () => {
    ledger.gate.close();
    submit(change(1));
    await run();
    expect(answers).toEqual([]);
    ledger.gate.open();
    await run();
    expect(answers).toEqual(['1 committed']);
  });

  it('puts at most one change of an account and at most so many commands into a commit', async () => {
    submit(change(1), change(2), change(1, 1, 1n), change(3, LIMITS.commitCommandsMax - 1), change(4));
    await run();
    clock.advance(LIMITS.commitGatherMsMax);
    await run();
    expect(tried()).toEqual(['1 2', '1 3', '4']);
    expect(new Set(answers)).toEqual(new Set([1, 2, 3, 4].map((n) => `${n} committed`)));
  });

  it('after a large commit little waits for company, but not for long; what is enough goes at once', async () => {
    submit(change(1, LARGE_COUNT));
    await run();
    submit(change(2));
    clock.advance(LIMITS.commitGatherMsMax - COMMIT_MS - 1);
    submit(change(3));
    await run();
    expect(tried()).toEqual(['1']);
    clock.advance(1);
    await run();
    // Two commands: a few milliseconds.
    clock.advance(LIMITS.commitGatherGrowthMs);
    submit(change(4));
    await run();
    expect(tried()).toEqual(['1', '2 3', '4']);
    clock.advance(LIMITS.commitGatherMsMax);
    submit(change(5, LARGE_COUNT));
    await run();
    submit(change(6));
    await run();
    submit(change(7, LIMITS.commitEnoughCount));
    await run();
    expect(tried().slice(3)).toEqual(['5', '6 7']);
    // Set back by an hour: no reason to wait for an hour.
    clock.advance(-3_600_000);
    submit(change(8));
    await run();
    clock.advance(LIMITS.commitGatherMsMax);
    await run();
    expect(tried()).toContain('8');
  });

  it('sends the next commit before it hands out the verdicts of the last', async () => {
    const order: string[] = [];
    ledger.gate.close();
    submit(change(2));
    ledger.addAccount(accountIdOf(1));
    lane.submit(change(1), () => order.push(`answered, commits sent: ${ledger.tried.length}`));
    await run();
    submit(change(3));
    ledger.gate.open();
    await run();
    expect(order).toEqual(['answered, commits sent: 2']);
  });
});

describe('after a commit', () => {
  it('tells the balances before anybody is answered', async () => {
    ledger.addAccount(accountIdOf(1));
    lane.submit(change(1, 2), () => answers.push(`told: ${committed.length}`));
    await run();
    expect(answers).toEqual(['told: 1']);
    expect(committed).toMatchObject([
      { outboxId: 1n, balances: [{ kind: 'account', id: accountIdOf(1), cents: 200n, version: 2n }] },
    ]);
  });

  it('tells only the accounts that were committed, and the cards whose total changed', async () => {
    ledger.cards.set(cardIdOf(1), accountIdOf(1));
    const plain = change(1);
    const [decision] = plain.decisions;
    const cardTotal = { cardId: cardIdOf(1), deltaCents: 40n };
    submit({ ...plain, decisions: [{ ...decision!, cardTotal }] }, change(2, 1, 5n));
    await run();
    expect(answers).toEqual(['1 committed', '2 stale']);
    expect(committed[0]?.balances).toEqual([
      { kind: 'account', id: accountIdOf(1), cents: 100n, version: 1n },
      { kind: 'card', id: cardIdOf(1), cents: 40n, version: 1n },
    ]);
  });

  it('tells nothing where nothing was committed, and counts the shards that were lost', async () => {
    ledger.epochs.set(1, 9n);
    submit(change(1));
    await run();
    expect(answers).toEqual(['1 fenced']);
    expect(committed).toEqual([]);
    expect(metrics.count('fenced')).toBe(1);
  });

  it('goes on when a listener or an answer throws', async () => {
    lane = new CommitLane({
      ledger,
      clock,
      random: new SeededRandom(1),
      metrics,
      logger,
      onCommitted: () => {
        throw new Error('broken listener');
      },
    });
    ledger.addAccount(accountIdOf(9));
    lane.submit(change(9), () => {
      throw new Error('broken answer');
    });
    submit(change(1));
    await run();
    submit(change(2));
    await run();
    expect(answers).toEqual(['1 committed', '2 committed']);
    expect(logger.messages('error')).toHaveLength(3);
  });
});

describe('failures', () => {
  it('refused: tries halves down to the account at fault, the others are committed', async () => {
    ledger.poisonedIds.add(transactionIdOf(3001));
    submit(...[1, 2, 3, 4].map((n) => change(n)));
    await run();
    expect(tried()).toEqual(['1 2 3 4', '1 2', '3 4', '3', '4']);
    expect(new Set(answers)).toEqual(
      new Set(['1 committed', '2 committed', '3 failed refused', '4 committed']),
    );
    expect(metrics.count('commitFailed refused')).toBe(3);
  });

  it('one id in two accounts: both get a verdict of their own', async () => {
    const [decision] = change(1).decisions;
    submit(change(1), { ...change(2), decisions: decision === undefined ? [] : [decision] });
    await run();
    expect(answers).toEqual(['1 committed', '2 left-out']);
  });

  it('busy: the one in the way waits outside, alone, a few times, while the others go on', async () => {
    faultOf = (changes) => (changes.some(({ shard }) => shard === 2) ? 'busy' : 'none');
    submit(change(1), change(2));
    await run();
    expect(tried()).toEqual(['1 2', '1', '2']);
    submit(change(3));
    await run();
    expect(answers).toEqual(['1 committed', '3 committed']);
    await runThroughPauses();
    expect(tried()).toEqual(['1 2', '1', '2', '3', ...Array<string>(LIMITS.commitBusyRetriesMax).fill('2')]);
    expect(answers.at(-1)).toBe('2 failed busy');
  });

  it('unknown: nothing is tried again, everybody learns that nobody knows', async () => {
    faultOf = () => 'lost-after';
    submit(change(1), change(2));
    await runThroughPauses();
    expect(tried()).toEqual(['1 2']);
    expect(answers).toEqual(['1 failed unknown', '2 failed unknown']);
  });

  it.each([
    ['throws what is no CommitFailure', () => Promise.reject(new TypeError('a bug'))],
    [
      'answers for too few accounts',
      () => Promise.resolve({ verdicts: [], outboxId: 1n, cardTotals: [], decidedAt: null }),
    ],
    [
      'throws at once',
      () => {
        throw new Error('not even a promise');
      },
    ],
  ])('a ledger that %s: unknown', async (_what, commit) => {
    ledger.commit = commit;
    submit(change(1));
    await run();
    expect(answers).toEqual(['1 failed unknown']);
  });
});

it('what waits, is put aside or comes with an answer has its answer in the end', async () => {
  faultOf = (changes) => (changes.some(({ shard }) => shard === 1) ? 'busy' : 'none');
  submit(change(1));
  await run();
  ledger.addAccount(accountIdOf(3));
  ledger.addAccount(accountIdOf(2));
  lane.submit(change(2), () => lane.submit(change(3), () => answers.push('3 answered')));
  await runThroughPauses();
  expect(answers).toEqual(['3 answered', '1 failed busy']);
});
