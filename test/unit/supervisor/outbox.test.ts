/**
 * Without this: an old balance shown for good after a crash of the node or of Redis, an event that nobody is ever told of, an
 * outbox that grows for ever, or acknowledgements that wait for the cache.
 */
import { beforeEach, describe, expect, it } from 'vitest';
import type { ToldAccount } from '../../../src/domain/told-account.ts';
import { LIMITS } from '../../../src/limits.ts';
import type { Envelope } from '../../../src/machines/envelope.ts';
import type { CachedBalance } from '../../../src/ports/balance-cache.ts';
import type { OutboxTask } from '../../../src/ports/stores.ts';
import { BalanceDesk } from '../../../src/supervisor/balance-desk.ts';
import { CacheWriter } from '../../../src/supervisor/cache-writer.ts';
import { EventFeed } from '../../../src/supervisor/event-feed.ts';
import { Outbox } from '../../../src/supervisor/outbox.ts';
import { FakeClock } from '../../support/fakes/fake-clock.ts';
import {
  accountIdOf,
  balanceRequest,
  cardIdOf,
  FakeEnvelope,
  transactionIdOf,
} from '../../support/fakes/fake-envelope.ts';
import { DECIDED_AT, FakeLedger } from '../../support/fakes/fake-ledger.ts';
import { FakeReader } from '../../support/fakes/fake-reader.ts';
import { CountingMetrics, QuietLogger } from '../../support/fakes/quiet.ts';
import { FakeCache, FakeEventPublisher, FakeOutbox } from './fake-stores.ts';
import { turns } from './support.ts';

function build({ events: setting }: { readonly events: 'on' | 'off' } = { events: 'on' }) {
  const clock = new FakeClock();
  const cache = new FakeCache();
  const store = new FakeOutbox();
  const ledger = new FakeLedger();
  const metrics = new CountingMetrics();
  const logger = new QuietLogger();
  const reader = new FakeReader(ledger);
  const writer = new CacheWriter({ cache, reader, clock, metrics, logger });
  const publisher = new FakeEventPublisher();
  const feed = new EventFeed({ publisher, store, clock, metrics, logger });
  const events = setting === 'on' ? feed : null;
  const outbox = new Outbox({ store, writer, events, cache, clock, logger });
  const quarantined: { accountId: string; request: Envelope }[] = [];
  const balances = new BalanceDesk({
    writer,
    reader,
    cache,
    clock,
    logger,
    quarantine: (accountId, _reason, request) => void quarantined.push({ accountId, request }),
  });
  return {
    clock,
    cache,
    store,
    ledger,
    reader,
    metrics,
    logger,
    writer,
    publisher,
    events,
    outbox,
    balances,
    quarantined,
  };
}

let world: ReturnType<typeof build>;
beforeEach(() => {
  world = build();
});

/** What a commit says: account `n` is at `cents` since seq `version`. The ledger knows it too. */
function committed(
  outboxId: number,
  n: number,
  cents: number,
  version: number,
  told: readonly ToldAccount[] = [],
): void {
  const id = accountIdOf(n);
  world.ledger.addAccount(id, { balanceCents: BigInt(cents), seq: BigInt(version) });
  const balance: CachedBalance = { kind: 'account', id, cents: BigInt(cents), version: BigInt(version) };
  world.outbox.committed({ outboxId: BigInt(outboxId), balances: [balance], told });
}

async function pass(durationMs: number): Promise<void> {
  for (let passed = 0; passed < durationMs; passed += 100) {
    world.clock.advance(100);
    await turns(world.clock, 4);
  }
}

describe('after a commit', () => {
  it('the newest balance of each account is written, together, and the rows go when it is safe, in one DELETE', async () => {
    committed(1, 1, 100, 1);
    committed(2, 1, 250, 2);
    committed(3, 2, 5, 1);
    await turns(world.clock);
    expect(world.cache.writes).toHaveLength(1);
    expect(world.cache.writes[0]).toHaveLength(2);
    expect(world.cache.shown(accountIdOf(1))).toBe(250n);
    expect(world.store.removed).toEqual([]);
    await pass(LIMITS.cacheDurableMs - 100);
    expect(world.store.removed).toEqual([]);
    await pass(200);
    expect(world.store.removed).toEqual([[1n, 2n, 3n]]);
  });

  it('one write at a time: what comes meanwhile is gathered for the next', async () => {
    world.cache.gate.close();
    committed(1, 1, 100, 1);
    await turns(world.clock);
    for (let version = 2; version <= 50; version += 1) committed(version, 1, version, version);
    await turns(world.clock);
    expect(world.cache.writes).toHaveLength(1);
    world.cache.gate.open();
    await turns(world.clock);
    expect(world.cache.writes.map((balances) => balances.map(({ version }) => version))).toEqual([
      [1n],
      [50n],
    ]);
  });

  it('an older balance that comes later never takes the place of a newer one', async () => {
    const id = accountIdOf(1);
    world.writer.put({ kind: 'account', id, cents: 70n, version: 2n });
    world.writer.put({ kind: 'account', id, cents: 100n, version: 1n });
    await turns(world.clock);
    expect(world.cache.writes.flat().map(({ version }) => version)).toEqual([2n]);
  });

  it('large numbers of accounts go in batches', async () => {
    for (let n = 0; n < LIMITS.cacheBatchMax * 2 + 1; n += 1) committed(n + 1, n, n, 1);
    await turns(world.clock);
    expect(world.cache.writes.map(({ length }) => length)).toEqual([
      LIMITS.cacheBatchMax,
      LIMITS.cacheBatchMax,
      1,
    ]);
  });
});

/** One deposit into account `n`. */
function deposit(n: number, seq: number): ToldAccount {
  const decision = {
    seq: BigInt(seq),
    transactionId: transactionIdOf(n * 1_000 + seq),
    type: 'DEPOSIT',
    outcome: 'APPROVED',
    reason: null,
    requestedCents: 1n,
    amountCents: 1n,
    balanceAfterCents: 1n,
    cardId: null,
    originalId: null,
    flags: [],
    rulesVersion: null,
  } as const;
  return { accountId: accountIdOf(n), decidedAt: DECIDED_AT, decisions: [decision] };
}

const SAFE_MS = LIMITS.cacheDurableMs + 300;

describe('a row goes when its balances are safe and its events are confirmed', () => {
  it('not before the events are', async () => {
    world.publisher.gate.close();
    committed(1, 1, 100, 1, [deposit(1, 1)]);
    await pass(SAFE_MS);
    expect(world.cache.shown(accountIdOf(1))).toBe(100n);
    expect(world.store.removed).toEqual([]);
    world.publisher.gate.open();
    await pass(300);
    expect(world.store.removed).toEqual([[1n]]);
  });

  it('not before the balances are, and the events do not wait for them', async () => {
    world.cache.away = true;
    committed(1, 1, 100, 1, [deposit(1, 1)]);
    await pass(SAFE_MS);
    expect(world.publisher.bodies).toHaveLength(2);
    expect(world.store.removed).toEqual([]);
    world.cache.away = false;
    await pass(2_100 + SAFE_MS);
    expect(world.store.removed).toEqual([[1n]]);
    expect(world.publisher.bodies).toHaveLength(2);
  });

  it('of one that has events alone, when these are confirmed', async () => {
    world.store.said.set(5n, { accounts: [deposit(1, 1)], events: [] });
    world.outbox.announced(5n);
    await turns(world.clock);
    expect(world.publisher.bodies).toHaveLength(2);
    expect(world.store.removed).toEqual([[5n]]);
    expect(world.cache.contents.size).toBe(0);
  });

  it('where nobody is told of anything, when the balances are safe', async () => {
    world = build({ events: 'off' });
    committed(1, 1, 100, 1, [deposit(1, 1)]);
    world.outbox.announced(5n);
    await pass(SAFE_MS);
    expect(world.store.removed).toEqual([[1n]]);
    expect(world.publisher.tries).toBe(0);
  });
});

describe('what others left, with one of the servers away', () => {
  const left: OutboxTask = {
    outboxId: 7n,
    due: 'all',
    balances: [{ kind: 'account', id: accountIdOf(3), cents: 1n, version: 1n }],
  };
  beforeEach(() => {
    world.ledger.addAccount(accountIdOf(3), { balanceCents: 8n, seq: 4n });
    world.store.said.set(7n, { accounts: [deposit(3, 4)], events: [] });
    world.store.left = [left];
  });

  it('the broker: balances are shown, and the row stays for its events', async () => {
    world.publisher.broker = 'away';
    world.outbox.start();
    await pass(SAFE_MS);
    expect(world.cache.shown(accountIdOf(3))).toBe(8n);
    expect(world.store.left).toMatchObject([{ outboxId: 7n, due: 'events' }]);
    world.publisher.broker = 'up';
    await pass(LIMITS.outboxTakeoverMs + SAFE_MS);
    expect(world.publisher.bodies.map(({ seq }) => seq)).toEqual([4, 4]);
    expect(world.store.left).toEqual([]);
  });

  it('the cache: events are published, and the row stays for its balances', async () => {
    world.cache.away = true;
    world.outbox.start();
    await pass(SAFE_MS);
    expect(world.publisher.bodies.map(({ seq }) => seq)).toEqual([4, 4]);
    expect(world.store.left).toMatchObject([{ outboxId: 7n, due: 'balances' }]);
    world.cache.away = false;
    await pass(LIMITS.outboxTakeoverMs + SAFE_MS);
    expect(world.cache.shown(accountIdOf(3))).toBe(8n);
    expect(world.store.left).toEqual([]);
  });

  it('a broker that does not confirm: the row stays', async () => {
    world.publisher.gate.close();
    world.outbox.start();
    await pass(5_000);
    expect(world.store.left).toEqual([left]);
    world.publisher.gate.open();
    await pass(SAFE_MS);
    expect(world.store.left).toEqual([]);
  });
});

describe('while the cache is away', () => {
  it('rows stay, and the newest balances are written when it is back', async () => {
    world.cache.away = true;
    committed(1, 1, 100, 1);
    await pass(5_000);
    committed(2, 1, 70, 2);
    await pass(5_000);
    expect(world.store.removed).toEqual([]);
    world.cache.away = false;
    await pass(2_100);
    expect(world.cache.shown(accountIdOf(1))).toBe(70n);
    await pass(LIMITS.cacheDurableMs + 300);
    expect(world.store.removed.flat()).toEqual([1n, 2n]);
  });

  it('a balance request stays open until its balance is there', async () => {
    world.cache.away = true;
    const request = new FakeEnvelope(balanceRequest());
    const state = {
      accountId: accountIdOf(1),
      balanceCents: 12n,
      seq: 3n,
      status: 'active',
      overdraftCents: 0n,
    } as const;
    world.ledger.addAccount(accountIdOf(1), { balanceCents: 12n, seq: 3n });
    world.balances.answer(request, state);
    await pass(5_000);
    expect(request.ending).toBe('open');
    world.cache.away = false;
    await pass(2_100);
    expect(request.ending).toBe('answered');
    expect(world.cache.shown(accountIdOf(1))).toBe(12n);
  });
});

describe('the cache has lost its contents', () => {
  it('before the write: the balance is read again', async () => {
    committed(1, 1, 100, 1);
    // The ledger has moved on, by whoever; its newer value was lost with the old contents.
    world.ledger.addAccount(accountIdOf(1), { balanceCents: 90n, seq: 2n });
    world.cache.flush();
    await pass(300);
    expect(world.cache.shown(accountIdOf(1))).toBe(90n);
  });

  it('between the confirmation and its durability: written again before the row is removed', async () => {
    committed(1, 1, 100, 1);
    await turns(world.clock);
    await pass(500);
    world.cache.flush();
    await pass(LIMITS.cacheDurableMs);
    expect(world.cache.shown(accountIdOf(1))).toBe(100n);
    expect(world.store.removed).toEqual([]);
    await pass(LIMITS.cacheDurableMs + 300);
    expect(world.store.removed).toEqual([[1n]]);
  });

  it('meanwhile: what the ledger says now is written again, of cards too, and a newer balance is not undone', async () => {
    const cardId = accountIdOf(9);
    const paid = { kind: 'card', id: cardId, cents: 10n, version: 1n } as const;
    const account = { kind: 'account', id: accountIdOf(2), cents: 5n, version: 3n } as const;
    committed(1, 1, 100, 1);
    world.outbox.committed({ outboxId: 2n, balances: [paid, account], told: [] });
    await turns(world.clock);
    await pass(500);
    world.cache.flush();
    world.ledger.cardTotals.set(cardId, { cardId, totalCents: 30n, seq: 2n });
    world.ledger.addAccount(accountIdOf(2), { balanceCents: 4n, seq: 4n });
    committed(3, 1, 70, 2);
    await pass(LIMITS.cacheDurableMs);
    expect(world.cache.shown(accountIdOf(1))).toBe(70n);
    expect(world.cache.shown(accountIdOf(2))).toBe(4n);
    expect(world.cache.contents.get(`card ${cardId}`)).toMatchObject({ cents: 30n, version: 2n });
  });
});

describe('rows of an incarnation that is gone', () => {
  const left = {
    outboxId: 7n,
    due: 'all',
    balances: [{ kind: 'account', id: accountIdOf(3), cents: 1n, version: 1n }],
  } as const;

  it('are done at the start, with the balances as they are now', async () => {
    world.ledger.addAccount(accountIdOf(3), { balanceCents: 8n, seq: 4n });
    world.store.left = [left];
    world.outbox.start();
    await pass(LIMITS.cacheDurableMs + 200);
    expect(world.cache.shown(accountIdOf(3))).toBe(8n);
    expect(world.store.left).toEqual([]);
  });

  it('stay while the cache is away or loses them again', async () => {
    world.ledger.addAccount(accountIdOf(3), { balanceCents: 8n, seq: 4n });
    world.store.left = [left];
    world.outbox.start();
    await turns(world.clock);
    await pass(500);
    world.cache.flush();
    await pass(LIMITS.cacheDurableMs);
    expect(world.store.left).toHaveLength(1);
    await pass(LIMITS.outboxTakeoverMs + LIMITS.cacheDurableMs + 500);
    expect(world.store.left).toEqual([]);
    expect(world.cache.shown(accountIdOf(3))).toBe(8n);
  });
});

it('however many rows a crash has left: their balances are shown with the first portion, their rows go with their own', async () => {
  const rows = LIMITS.outboxTakeoverRowsMax * 3;
  world.store.left = Array.from({ length: rows }, (_, n): OutboxTask => {
    world.ledger.addAccount(accountIdOf(n), { balanceCents: BigInt(n), seq: 1n });
    const balance: CachedBalance = { kind: 'account', id: accountIdOf(n), cents: BigInt(n), version: 1n };
    return { outboxId: BigInt(n + 1), due: 'balances', balances: [balance] };
  });
  world.outbox.start();
  await pass(LIMITS.cacheDurableMs / 2);
  expect(world.store.left).toHaveLength(rows);
  expect(world.cache.shown(accountIdOf(rows - 1))).toBe(BigInt(rows - 1));
  await pass(LIMITS.cacheDurableMs);
  expect(world.store.left).toHaveLength(rows - LIMITS.outboxTakeoverRowsMax);
  await pass(LIMITS.cacheDurableMs * 3);
  expect(world.store.left).toEqual([]);
});

it('a row of ours that was never announced is done; one that is being done is left alone', async () => {
  committed(1, 1, 100, 1);
  world.ledger.addAccount(accountIdOf(2), { balanceCents: 9n, seq: 1n });
  const unannounced: CachedBalance = { kind: 'account', id: accountIdOf(2), cents: 9n, version: 1n };
  world.store.left = [
    { outboxId: 1n, due: 'all', balances: [] },
    { outboxId: 2n, due: 'all', balances: [unannounced] },
  ];
  world.outbox.start();
  await pass(LIMITS.cacheDurableMs + 200);
  expect(world.cache.shown(accountIdOf(2))).toBe(9n);
  expect(world.store.left.map(({ outboxId }) => outboxId)).toEqual([1n]);
});

it('a drain resolves when every row of ours is gone', async () => {
  committed(1, 1, 100, 1);
  let drained = false;
  const draining = world.outbox.drain().then(() => {
    drained = true;
  });
  await turns(world.clock);
  expect(drained).toBe(false);
  await pass(LIMITS.cacheDurableMs + 300);
  await draining;
  expect(world.store.removed).toEqual([[1n]]);
});

describe('balance requests', () => {
  const id = accountIdOf(1);
  const state = { accountId: id, balanceCents: 12n, seq: 3n, status: 'active', overdraftCents: 0n } as const;
  const journal = (...amounts: bigint[]): void => {
    world.ledger.addAccount(id, { balanceCents: 12n, seq: 3n });
    world.ledger.journal.set(
      id,
      amounts.map((amountCents) => ({ amountCents, eventTime: { atMs: 0, text: '' } })) as never,
    );
  };

  it('one that names a card writes both keys', async () => {
    journal(12n);
    world.ledger.cardTotals.set(cardIdOf(1), { cardId: cardIdOf(1), totalCents: 30n, seq: 2n });
    const request = new FakeEnvelope(balanceRequest({ cardId: cardIdOf(1) }));
    world.balances.answer(request, state);
    await turns(world.clock);
    expect(request.ending).toBe('answered');
    expect([...world.cache.contents.values()].map(({ kind, cents }) => [kind, cents])).toEqual([
      ['card', 30n],
      ['account', 12n],
    ]);
  });

  it('an account and a card of the same id do not take each other’s place', async () => {
    journal(12n);
    const request = new FakeEnvelope(balanceRequest({ cardId: id }));
    world.balances.answer(request, state);
    await turns(world.clock);
    expect(world.cache.shown(id)).toBe(12n);
    expect(world.cache.contents.get(`card ${id}`)?.cents).toBe(0n);
  });

  it('a forced recalculation that agrees is answered', async () => {
    journal(10n, 2n);
    const request = new FakeEnvelope(balanceRequest({ forceRecalculation: true }));
    world.balances.answer(request, state);
    await turns(world.clock);
    expect(request.ending).toBe('answered');
    expect(world.quarantined).toEqual([]);
  });

  it('of a quarantined account: what the ledger holds is shown, not what an actor remembers', async () => {
    world.ledger.addAccount(id, { balanceCents: 7n, seq: 2n, status: 'quarantined' });
    const request = new FakeEnvelope(balanceRequest());
    world.balances.answer(request, { ...state, status: 'quarantined' });
    await turns(world.clock);
    expect(request.ending).toBe('answered');
    expect(world.cache.shown(id)).toBe(7n);
  });

  it('a forced recalculation of an account that is quarantined already fails, and sets nothing aside again', async () => {
    journal(10n, 3n);
    world.ledger.addAccount(id, { ...world.ledger.accounts.get(id), status: 'quarantined' });
    const request = new FakeEnvelope(balanceRequest({ forceRecalculation: true }));
    world.balances.answer(request, { ...state, status: 'quarantined' });
    await turns(world.clock);
    expect(request.ending).toBe('failed INVARIANT_BROKEN');
    expect(world.quarantined).toEqual([]);
  });

  it('one that does not agree sets the account aside and shows nothing; it fails when the ledger has that', async () => {
    journal(10n, 3n);
    const request = new FakeEnvelope(balanceRequest({ forceRecalculation: true }));
    world.balances.answer(request, state);
    await turns(world.clock);
    expect(world.quarantined).toEqual([{ accountId: id, request }]);
    expect(request.isOpen).toBe(true);
    expect(world.cache.contents.size).toBe(0);
  });
});
