/**
 * What is told to others, in memory. Without this: an event that is lost with the broker's connection, events of an account that
 * leave the node in the wrong order, or a node that runs out of memory while the broker is away.
 */
import { beforeEach, describe, expect, it } from 'vitest';
import type { ToldAccount } from '../../../src/domain/told-account.ts';
import { LIMITS } from '../../../src/limits.ts';
import type { WrittenEvent } from '../../../src/contracts/events.ts';
import { EventFeed } from '../../../src/supervisor/event-feed.ts';
import { FakeClock } from '../../support/fakes/fake-clock.ts';
import { accountIdOf, transactionIdOf } from '../../support/fakes/fake-envelope.ts';
import { DECIDED_AT } from '../../support/fakes/fake-ledger.ts';
import { CountingMetrics, QuietLogger } from '../../support/fakes/quiet.ts';
import { FakeEventPublisher, FakeOutbox } from './fake-stores.ts';
import { turns } from './support.ts';

function build() {
  const clock = new FakeClock();
  const publisher = new FakeEventPublisher();
  const store = new FakeOutbox();
  const metrics = new CountingMetrics();
  const logger = new QuietLogger();
  const feed = new EventFeed({ publisher, store, clock, metrics, logger });
  return { clock, publisher, store, metrics, logger, feed };
}

let world: ReturnType<typeof build>;
let confirmed: number[];
beforeEach(() => {
  world = build();
  confirmed = [];
});

/** Deposits of one account. */
function told(n: number, fromSeq: number, count = 1): ToldAccount {
  const decisions = Array.from({ length: count }, (_, index) => {
    const seq = fromSeq + index;
    return {
      seq: BigInt(seq),
      transactionId: transactionIdOf(n * 100_000 + seq),
      type: 'DEPOSIT',
      outcome: 'APPROVED',
      reason: null,
      requestedCents: 1n,
      amountCents: 1n,
      balanceAfterCents: BigInt(seq),
      cardId: null,
      originalId: null,
      flags: [],
      rulesVersion: null,
    } as const;
  });
  return { accountId: accountIdOf(n), decidedAt: DECIDED_AT, decisions };
}

function tell(outboxId: number, accounts: readonly ToldAccount[] | null): void {
  void world.feed.tell(BigInt(outboxId), accounts).then(() => confirmed.push(outboxId));
}

async function pass(durationMs: number): Promise<void> {
  for (let passed = 0; passed < durationMs; passed += 50) {
    world.clock.advance(50);
    await turns(world.clock, 4);
  }
}

const seqs = (): readonly number[] => world.publisher.bodies.map(({ seq }) => seq);

describe('with the broker there', () => {
  it('a commit is told of when all its events are confirmed, not before', async () => {
    world.publisher.gate.close();
    tell(1, [told(1, 1, 2), told(2, 1)]);
    await turns(world.clock);
    expect(seqs()).toEqual([1, 2, 2, 1, 1]);
    expect(confirmed).toEqual([]);
    expect(world.feed.waitingCount).toBe(1);
    world.publisher.gate.open();
    await turns(world.clock);
    expect(confirmed).toEqual([1]);
    expect(world.feed.waitingCount).toBe(0);
    expect(world.metrics.count('eventsPublished transaction.approved')).toBe(3);
    expect(world.metrics.count('eventsPublished balance.updated')).toBe(2);
  });

  it('a commit without events is told of at once', async () => {
    tell(1, []);
    await turns(world.clock);
    expect(confirmed).toEqual([1]);
    expect(world.publisher.batches).toEqual([]);
  });

  it('what is told meanwhile goes together, in batches, in order', async () => {
    world.publisher.gate.close();
    tell(1, [told(1, 1)]);
    await turns(world.clock);
    for (let n = 2; n <= 700; n += 1) tell(n, [told(1, n)]);
    await turns(world.clock);
    expect(world.publisher.batches).toHaveLength(1);
    world.publisher.gate.open();
    await turns(world.clock);
    expect(world.publisher.batches.map(({ length }) => length)).toEqual([2, LIMITS.eventBatchMax, 398]);
    expect(seqs()).toEqual(Array.from({ length: 700 }, (_, n) => [n + 1, n + 1]).flat());
    expect(confirmed).toHaveLength(700);
  });

  it('after a large portion others wait for company, but not for long', async () => {
    tell(1, [told(1, 1, 200)]);
    await turns(world.clock);
    world.clock.advance(1);
    for (let n = 2; n <= 4; n += 1) tell(n, [told(n, 1)]);
    await turns(world.clock);
    expect(confirmed).toEqual([1]);
    world.clock.advance(LIMITS.eventGatherMsMax);
    await turns(world.clock);
    expect(confirmed).toEqual([1, 2, 3, 4]);
    expect(world.publisher.batches.map(({ length }) => length)).toEqual([201, 6]);
  });

  it('what cannot be written is left to the next start, and holds up nobody', async () => {
    const broken = { ...told(1, 1), decisions: null } as unknown as ToldAccount;
    world.store.said.set(1n, { accounts: [broken], events: [] });
    tell(1, null);
    tell(2, [told(2, 1)]);
    await turns(world.clock);
    await pass(LIMITS.eventGatherMsMax);
    expect(confirmed).toEqual([2]);
    expect(world.logger.messages('error')).toContain('events could not be told');
  });

  it('what nobody remembers is read from the ledger', async () => {
    world.store.said.set(7n, {
      accounts: [told(1, 3)],
      events: [
        {
          type: 'account.quarantined',
          id: transactionIdOf(9),
          schema_version: 1,
          time: DECIDED_AT,
          account_id: accountIdOf(2),
          seq: 0,
          reason: 'x',
        },
      ],
    });
    world.store.failures = 2;
    tell(7, null);
    tell(8, null);
    await pass(500);
    expect(world.store.read).toEqual([[7n, 8n]]);
    expect(world.publisher.bodies.map(({ type }) => type)).toEqual([
      'transaction.approved',
      'balance.updated',
      'account.quarantined',
    ]);
    expect(confirmed).toEqual([7, 8]);
  });

  it('a row that is told twice is published once', async () => {
    tell(1, [told(1, 1)]);
    tell(1, null);
    await turns(world.clock);
    expect(confirmed).toEqual([1, 1]);
    expect(seqs()).toEqual([1, 1]);
  });
});

describe('webhooks', () => {
  it('a commit is done when what they are to be told is written; the broker does not wait for that', async () => {
    const { clock, publisher, store, metrics, logger } = world;
    const recorded: string[] = [];
    const left = { failures: 3 };
    const webhooks = {
      record: async (events: readonly WrittenEvent[]): Promise<void> => {
        await Promise.resolve();
        left.failures -= 1;
        if (left.failures >= 0) throw new Error('no database');
        recorded.push(...events.map(({ type }) => type));
      },
    };
    const feed = new EventFeed({ publisher, store, webhooks, clock, metrics, logger });
    void feed.tell(1n, [told(1, 1)]).then(() => confirmed.push(1));
    await turns(clock);
    expect(publisher.batches).toHaveLength(1);
    expect(confirmed).toEqual([]);
    await pass(2_000);
    expect(recorded).toEqual(['transaction.approved', 'balance.updated']);
    expect(confirmed).toEqual([1]);
    expect(publisher.batches).toHaveLength(1);
  });
});

describe('the broker away', () => {
  it('all waits, and goes out in order when it is back', async () => {
    world.publisher.broker = 'away';
    expect(world.feed.isOpen).toBe(false);
    tell(1, [told(1, 1)]);
    await pass(5_000);
    tell(2, [told(1, 2)]);
    await pass(5_000);
    expect(confirmed).toEqual([]);
    expect(world.logger.messages('warn')).toEqual(['events could not be published, trying again']);
    world.publisher.broker = 'up';
    await pass(LIMITS.storeBackoffMsMax);
    expect(seqs()).toEqual([1, 1, 2, 2]);
    expect(confirmed).toEqual([1, 2]);
  });

  it('what was sent and not confirmed is sent again under the same ids, before anything newer', async () => {
    world.publisher.broker = 'lossy';
    tell(1, [told(1, 1)]);
    await turns(world.clock);
    tell(2, [told(1, 2)]);
    await turns(world.clock);
    world.publisher.broker = 'up';
    await pass(500);
    const { ids } = world.publisher;
    expect(seqs()).toEqual([1, 1, 1, 1, 2, 2]);
    expect(ids.slice(0, 2)).toEqual(ids.slice(2, 4));
    expect(confirmed).toEqual([1, 2]);
    expect(world.metrics.count('eventsFailed')).toBe(2);
  });

  it('beyond the bound only ids are kept; nothing is lost', async () => {
    world.publisher.broker = 'away';
    tell(1, [told(1, 1, LIMITS.eventDecisionsMax)]);
    tell(2, [told(2, 1)]);
    world.store.said.set(2n, { accounts: [told(2, 1)], events: [] });
    await pass(200);
    world.publisher.broker = 'up';
    await pass(LIMITS.storeBackoffMsMax);
    await pass(1_000);
    expect(world.store.read).toEqual([[2n]]);
    expect(world.publisher.ids).toHaveLength(LIMITS.eventDecisionsMax + 1 + 2);
    expect(confirmed).toEqual([1, 2]);
  });
});

it('a drain resolves when nothing waits', async () => {
  world.publisher.broker = 'away';
  tell(1, [told(1, 1)]);
  let drained = false;
  const draining = world.feed.drain().then(() => (drained = true));
  await pass(500);
  expect(drained).toBe(false);
  world.publisher.broker = 'up';
  await pass(LIMITS.storeBackoffMsMax);
  await draining;
  await world.feed.drain();
});
