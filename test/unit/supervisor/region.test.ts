/**
 * Without this: one account that crashes takes the process or the other accounts with it; commands change their order
 * when an actor is replaced; memory grows with every account ever seen.
 */
import { describe, expect, it } from 'vitest';
import { CommitLane } from '../../../src/actors/commit-lane.ts';
import { OrderLane } from '../../../src/actors/order-lane.ts';
import type { Envelope } from '../../../src/machines/envelope.ts';
import type { BalanceCommand, TransactionCommand } from '../../../src/contracts/command.ts';
import type { Settlement } from '../../../src/domain/settlement.ts';
import { LIMITS } from '../../../src/limits.ts';
import { AccountRegion } from '../../../src/supervisor/account-region.ts';
import { Router } from '../../../src/supervisor/router.ts';
import type { CommandEnvelope, EnvelopeDesk } from '../../../src/supervisor/command-envelope.ts';
import { ShardTable } from '../../../src/supervisor/shard-table.ts';
import { FakeClock, SeededRandom } from '../../support/fakes/fake-clock.ts';
import { accountIdOf, balanceRequest, transaction } from '../../support/fakes/fake-envelope.ts';
import { FakeLedger } from '../../support/fakes/fake-ledger.ts';
import { FakeOperatorLedger } from '../../support/fakes/fake-operator-ledger.ts';
import { FakeParked } from '../../support/fakes/fake-parked.ts';
import { FakeReader } from '../../support/fakes/fake-reader.ts';
import { CountingMetrics, QuietLogger } from '../../support/fakes/quiet.ts';
import { FakeQuarantines } from './fake-stores.ts';
import { envelopeOf, FakeDelivery, turns } from './support.ts';

const IDLE_MS = 60_000;

function world(options: { readonly accounts?: number; readonly activeAccountsMax?: number } = {}) {
  const clock = new FakeClock();
  const ledger = new FakeLedger({ clock });
  const metrics = new CountingMetrics();
  const logger = new QuietLogger();
  const random = new SeededRandom(1);
  const shards = new ShardTable();
  const fenced: number[] = [];
  const endings: string[] = [];
  for (let n = 1; n <= (options.accounts ?? 3); n += 1) ledger.addAccount(accountIdOf(n));
  shards.own(new Map(Array.from({ length: LIMITS.shardCount }, (_, shard) => [shard, 1n])));
  const lane = new CommitLane({ ledger, clock, random, metrics, logger, onCommitted: () => undefined });
  const reader = new FakeReader(ledger);
  const quarantines = new FakeQuarantines(ledger);
  const operatorLedger = new FakeOperatorLedger(ledger);
  const parked = new FakeParked();
  reader.hasParked = (id) => parked.rows.some(({ accountId }) => accountId === id);
  const region: AccountRegion = new AccountRegion({
    shards,
    lanes: [lane],
    orders: new OrderLane({ ledger: operatorLedger, metrics, logger, onCommitted: () => undefined }),
    parked,
    refuseParked: () => undefined,
    accountsToTakeUp: () => Promise.resolve([...new Set(parked.rows.map(({ accountId }) => accountId))]),
    reader,
    clock,
    random,
    logger,
    metrics,
    quarantines,
    rules: { refundAmount: 'message', refundWaitMs: 900_000 },
    ruleSet: () => null,
    activeAccountsMax: options.activeAccountsMax ?? 100,
    accountIdleMs: IDLE_MS,
    answerBalance: (request) => request.settle({ kind: 'answered' }),
    onFenced: (shard) => {
      fenced.push(shard);
      shards.lose(shard);
      region.letGo(shard, 'fenced');
    },
  });
  const isOpen = (shard: number): boolean => shards.epochOf(shard) !== null;
  const router = new Router({
    isOpen,
    clock,
    heldMax: 1_000,
    deliver: (envelope) => region.deliver(envelope),
  });
  const desk: EnvelopeDesk = {
    settled: (envelope, settlement) => void endings.push(`${nameOf(envelope)} ${describeEnd(settlement)}`),
    givenBack: (envelope) => router.giveBack(envelope),
  };
  let n = 0;
  const send = (command: TransactionCommand): CommandEnvelope => {
    n += 1;
    const fields = { n, receivedAtMs: clock.now() };
    const envelope = envelopeOf(command, desk, new FakeDelivery('{}'), fields);
    router.route(envelope);
    return envelope;
  };
  return {
    clock,
    ledger,
    metrics,
    logger,
    shards,
    fenced,
    endings,
    quarantines,
    operatorLedger,
    parked,
    region,
    router,
    isOpen,
    reader,
    desk,
    send,
  };
}

function balanceEnvelope(desk: EnvelopeDesk): Envelope<BalanceCommand> {
  return envelopeOf(balanceRequest(), desk, new FakeDelivery('{}')) as Envelope<BalanceCommand>;
}

function nameOf({ command }: Envelope): string {
  return command.kind === 'transaction' ? command.idempotencyKey : 'balance';
}

function describeEnd(settlement: Settlement): string {
  return 'code' in settlement ? settlement.code : settlement.kind;
}

/** A command that no account can decide: arithmetic on its amount throws. */
const bomb = (n: number): TransactionCommand => transaction(n, { amountCents: null as unknown as bigint });

describe('crashes', () => {
  it('the one command that does it is given up after two crashes alone; the others are decided in order', async () => {
    const { clock, endings, send, metrics, region } = world();
    const commands = [transaction(1), transaction(2), bomb(3), transaction(4), transaction(5)];
    for (const command of commands) send(command);
    send(transaction(6, { accountId: accountIdOf(2) }));
    await turns(clock, 60);
    const ofAccount1 = endings.filter((line) => !line.startsWith('key-6'));
    expect(ofAccount1).toEqual([
      'key-1 decided',
      'key-2 decided',
      'key-3 ACTOR_CRASHED',
      'key-4 decided',
      'key-5 decided',
    ]);
    expect(endings).toContain('key-6 decided');
    expect(metrics.count('actorStopped crashed')).toBe(3);
    // The account is as good as any other now.
    send(transaction(7));
    await turns(clock);
    expect(endings.at(-1)).toBe('key-7 decided');
    expect(region.activeCount).toBe(2);
  });

  it('newer commands wait behind those that a crash has left', async () => {
    const { clock, ledger, endings, send } = world();
    ledger.gate.close();
    send(transaction(1));
    send(bomb(2));
    await turns(clock);
    // The first one is being committed, alone; the second has not been given to the new actor yet.
    expect(ledger.gate.waitingCount).toBe(1);
    send(transaction(3));
    await turns(clock);
    ledger.gate.open();
    await turns(clock, 60);
    expect(endings).toEqual(['key-1 decided', 'key-2 ACTOR_CRASHED', 'key-3 decided']);
  });

  it.each([1, 2])(
    'a crash over a parked command is not blamed on what waits behind it (%s)',
    async (newer) => {
      const { clock, endings, send, metrics, parked } = world();
      const crashesThrice = {
        ...transaction(9),
        get amountCents(): bigint {
          if (metrics.count('actorStopped crashed') < 3) throw new Error('broken');
          return 100n;
        },
      };
      parked.rows.push(crashesThrice);
      for (let n = 1; n <= newer; n += 1) send(transaction(n));
      await turns(clock, 60);
      expect(metrics.count('actorStopped crashed')).toBe(3);
      expect(parked.taken.at(-1)?.ending).toBe('decided APPROVED');
      expect(endings).toEqual(Array.from({ length: newer }, (_, n) => `key-${n + 1} decided`));
    },
  );

  it('an account that goes on crashing is quarantined: its commands are parked, others go on', async () => {
    const { clock, endings, quarantines, send, region } = world();
    for (const command of [bomb(1), bomb(2), transaction(3), bomb(4), transaction(5)]) send(command);
    send(transaction(6, { accountId: accountIdOf(2) }));
    await turns(clock, 60);
    expect(endings.filter((line) => line !== 'key-6 decided')).toEqual([
      'key-1 ACTOR_CRASHED',
      'key-2 parked',
      'key-3 parked',
      'key-4 parked',
      'key-5 parked',
    ]);
    send(transaction(7));
    await turns(clock);
    expect(endings.at(-1)).toBe('key-7 parked');
    expect(endings).toContain('key-6 decided');
    expect(quarantines.written).toMatchObject([{ accountId: accountIdOf(1), epoch: 1n }]);
    // It has read that it is quarantined, so nothing would be forgotten with it.
    expect(region.actorOf(accountIdOf(1))?.passivate()).toBe('ended');
  });

  it('crashes long ago are forgotten', async () => {
    const { clock, endings, send } = world();
    for (let n = 1; n <= 4; n += 1) {
      send(bomb(n));
      await turns(clock, 30);
      clock.advance(LIMITS.restartWindowMs + 1);
    }
    expect(endings).toEqual([1, 2, 3, 4].map((n) => `key-${n} ACTOR_CRASHED`));
  });
});

describe('giving back', () => {
  it('a fenced commit: everything unanswered waits in the router, whole and in order, and the node is told', async () => {
    const { clock, ledger, endings, fenced, send, shards, router } = world();
    ledger.gate.close();
    for (let n = 1; n <= 3; n += 1) send(transaction(n));
    await turns(clock);
    ledger.epochs.set(0, 2n);
    for (let n = 4; n <= 5; n += 1) send(transaction(n));
    ledger.gate.open();
    await turns(clock);
    expect(fenced).toEqual([0]);
    send(transaction(6));
    await turns(clock);
    expect(endings).toEqual([]);
    expect(router.heldCount).toBe(6);
    // Whoever owns the shard decides them in the order of delivery.
    shards.own(new Map([[0, 2n]]));
    router.release();
    await turns(clock);
    expect(endings).toEqual([1, 2, 3, 4, 5, 6].map((n) => `key-${n} decided`));
  });

  it('what is given back goes before what came after it', () => {
    const { router, desk, shards, isOpen, clock } = world();
    const held = (n: number): CommandEnvelope =>
      envelopeOf(transaction(n), desk, new FakeDelivery('{}'), { n });
    const seen: number[] = [];
    shards.lose(0);
    const watching = new Router({ isOpen, clock, heldMax: 10, deliver: ({ n }) => void seen.push(n) });
    for (const n of [5, 6]) watching.route(held(n));
    for (const n of [2, 4, 3]) watching.giveBack(held(n));
    watching.route(held(7));
    shards.own(new Map([[0, 1n]]));
    clock.runSoon();
    expect(seen).toEqual([2, 3, 4, 5, 6, 7]);
    expect(router.heldCount).toBe(0);
  });

  it('what comes in the same turn goes behind it, though the shard is ours', () => {
    const { desk, isOpen, clock } = world();
    const seen: number[] = [];
    const router = new Router({ isOpen, clock, heldMax: 10, deliver: ({ n }) => void seen.push(n) });
    const numbered = (n: number): CommandEnvelope =>
      envelopeOf(transaction(n), desk, new FakeDelivery('{}'), { n });
    router.giveBack(numbered(1));
    router.route(numbered(3));
    router.giveBack(numbered(2));
    clock.runSoon();
    router.route(numbered(4));
    expect(seen).toEqual([1, 2, 3, 4]);
  });

  it('more than can have been taken in is a mistake of ours', () => {
    const { desk, clock } = world();
    const router = new Router({ isOpen: () => false, clock, heldMax: 1, deliver: () => undefined });
    router.route(envelopeOf(transaction(1), desk, new FakeDelivery('{}'), { n: 1 }));
    expect(() => router.route(envelopeOf(transaction(2), desk, new FakeDelivery('{}'), { n: 2 }))).toThrow();
  });
});

describe('passivation', () => {
  it('idle accounts go after their time, used ones stay', async () => {
    const { clock, send, region } = world();
    region.startSweeping();
    send(transaction(1));
    send(transaction(2, { accountId: accountIdOf(2) }));
    await turns(clock);
    clock.advance(IDLE_MS - 5_000);
    send(transaction(3));
    await turns(clock);
    clock.advance(10_000);
    expect(region.activeCount).toBe(1);
    expect(region.actorOf(accountIdOf(1))).toBeDefined();
    clock.advance(IDLE_MS);
    expect(region.activeCount).toBe(0);
  });

  it('an account that is used all the time keeps no idle one behind it', async () => {
    const { clock, send, region } = world();
    region.startSweeping();
    send(transaction(1));
    send(transaction(2, { accountId: accountIdOf(2) }));
    for (let passedMs = 0, n = 3; passedMs < 2 * IDLE_MS; passedMs += 500, n += 1) {
      await turns(clock, 4);
      clock.advance(500);
      send(transaction(n));
    }
    expect(region.actorOf(accountIdOf(1))).toBeDefined();
    expect(region.actorOf(accountIdOf(2))).toBeUndefined();
  });

  it('beyond the limit the least recently used idle account makes room', async () => {
    const { clock, send, region } = world({ accounts: 5, activeAccountsMax: 3 });
    for (let n = 1; n <= 3; n += 1) send(transaction(n, { accountId: accountIdOf(n) }));
    await turns(clock);
    clock.advance(2_000);
    send(transaction(4, { accountId: accountIdOf(1) }));
    await turns(clock);
    send(transaction(5, { accountId: accountIdOf(4) }));
    await turns(clock);
    expect([1, 2, 3, 4].map((n) => region.actorOf(accountIdOf(n)) !== undefined)).toEqual([
      true,
      false,
      true,
      true,
    ]);
  });

  it('an account that is at work is never stopped for it', async () => {
    const { clock, ledger, send, region, endings } = world({ accounts: 5, activeAccountsMax: 2 });
    ledger.gate.close();
    for (let n = 1; n <= 5; n += 1) send(transaction(n, { accountId: accountIdOf(n) }));
    await turns(clock);
    clock.advance(2 * IDLE_MS);
    region.passivateIdle();
    expect(region.activeCount).toBe(5);
    ledger.gate.open();
    await turns(clock, 30);
    expect(endings).toHaveLength(5);
  });
});

describe('quarantine', () => {
  const REASON = 'balance 5, journal 4';

  it('parks what comes and what waits, in the order of delivery; others go on', async () => {
    const { clock, ledger, reader, endings, quarantines, send, region } = world();
    reader.gate.close();
    send(transaction(1));
    region.quarantine(accountIdOf(1), REASON);
    send(transaction(2));
    send(transaction(3, { accountId: accountIdOf(2) }));
    reader.gate.open();
    await turns(clock, 30);
    expect(endings.filter((line) => line !== 'key-3 decided')).toEqual(['key-1 parked', 'key-2 parked']);
    expect(endings).toContain('key-3 decided');
    expect([...ledger.decided.keys()]).toEqual([transaction(3).transactionId]);
    expect(quarantines.written).toMatchObject([{ accountId: accountIdOf(1), epoch: 1n, reason: REASON }]);
  });

  it('while the ledger does not have it nothing is decided and nothing is parked', async () => {
    const { clock, ledger, endings, quarantines, send, region } = world();
    send(transaction(1));
    await turns(clock);
    quarantines.gate.close();
    region.quarantine(accountIdOf(1), REASON);
    send(transaction(2));
    send(transaction(3));
    await turns(clock, 30);
    expect(quarantines.gate.waitingCount).toBe(1);
    expect(endings).toEqual(['key-1 decided']);
    quarantines.gate.open();
    await turns(clock, 30);
    send(transaction(4));
    await turns(clock);
    expect(endings.slice(1)).toEqual(['key-2 parked', 'key-3 parked', 'key-4 parked']);
    expect(ledger.decided.size).toBe(1);
  });

  it('a commit on its way ends as it ends; what its actor decides after that is held, then parked in order', async () => {
    const { clock, ledger, endings, quarantines, send, region } = world();
    ledger.gate.close();
    quarantines.gate.close();
    send(transaction(1));
    await turns(clock);
    for (const n of [2, 3]) send(transaction(n));
    region.quarantine(accountIdOf(1), REASON);
    send(transaction(4));
    ledger.gate.open();
    await turns(clock, 30);
    expect(endings).toEqual(['key-1 decided']);
    expect(ledger.tried).toHaveLength(1);
    quarantines.gate.open();
    await turns(clock, 30);
    expect(endings).toEqual(['key-1 decided', 'key-2 parked', 'key-3 parked', 'key-4 parked']);
    expect(ledger.decided.size).toBe(1);
  });

  it('a commit that is still on its way when the ledger has it ends before anything is parked', async () => {
    const { clock, ledger, endings, send, region } = world();
    ledger.gate.close();
    send(transaction(1));
    await turns(clock);
    send(transaction(2));
    region.quarantine(accountIdOf(1), REASON);
    await turns(clock, 30);
    expect(endings).toEqual([]);
    ledger.gate.open();
    await turns(clock, 30);
    expect(endings).toEqual(['key-1 decided', 'key-2 parked']);
  });

  it('a ledger that is away is asked again, with longer pauses, until it has it', async () => {
    const { clock, endings, quarantines, send, region } = world();
    quarantines.failures = 3;
    region.quarantine(accountIdOf(1), REASON);
    send(transaction(1));
    await turns(clock);
    for (const delayMs of [1, 2, 4].map((factor) => factor * LIMITS.storeBackoffMsMin)) {
      expect(endings).toEqual([]);
      clock.advance(delayMs - 1);
      await turns(clock);
      expect(quarantines.written).toEqual([]);
      clock.advance(1);
      await turns(clock);
    }
    expect(quarantines.written).toHaveLength(1);
    expect(endings).toEqual(['key-1 parked']);
  });

  it('a balance is not shown meanwhile; the request is answered when the ledger has it', async () => {
    const { clock, reader, endings, quarantines, desk, router, region } = world();
    reader.gate.close();
    router.route(envelopeOf(balanceRequest(), desk, new FakeDelivery('{}')));
    quarantines.gate.close();
    region.quarantine(accountIdOf(1), REASON);
    reader.gate.open();
    await turns(clock);
    expect(endings).toEqual([]);
    quarantines.gate.open();
    await turns(clock, 30);
    expect(endings).toEqual(['balance answered']);
  });

  it('the request that found the fault is answered when the ledger has the quarantine, not before', async () => {
    const { clock, endings, quarantines, desk, region } = world();
    quarantines.gate.close();
    region.quarantine(accountIdOf(1), REASON, balanceEnvelope(desk));
    await turns(clock, 30);
    expect(endings).toEqual([]);
    quarantines.gate.open();
    await turns(clock, 30);
    expect(endings).toEqual(['balance answered']);
  });

  it('two requests that find the same fault wait for one quarantine', async () => {
    const { clock, endings, quarantines, desk, region } = world();
    quarantines.gate.close();
    for (const request of [balanceEnvelope(desk), balanceEnvelope(desk)])
      region.quarantine(accountIdOf(1), REASON, request);
    quarantines.gate.open();
    await turns(clock, 30);
    expect(endings).toEqual(['balance answered', 'balance answered']);
    expect(quarantines.written).toHaveLength(1);
  });

  it('a node that has lost the shard gives everything back in order and parks nothing', async () => {
    const { clock, ledger, endings, fenced, quarantines, router, send, region, shards } = world();
    ledger.gate.close();
    quarantines.gate.close();
    send(transaction(1));
    await turns(clock);
    send(transaction(2));
    region.quarantine(accountIdOf(1), REASON);
    send(transaction(3));
    ledger.gate.open();
    await turns(clock, 30);
    ledger.epochs.set(0, 2n);
    quarantines.gate.open();
    await turns(clock, 30);
    expect(endings).toEqual(['key-1 decided']);
    expect(fenced).toEqual([0]);
    expect(router.heldCount).toBe(2);
    expect(ledger.tried).toHaveLength(1);
    // Whoever owns the shard knows of no quarantine.
    shards.own(new Map([[0, 2n]]));
    router.release();
    await turns(clock, 30);
    expect(endings.slice(1)).toEqual(['key-2 decided', 'key-3 decided']);
  });

  it('a node that is stopped before the ledger has it gives everything back', async () => {
    const { clock, endings, quarantines, router, send, region, shards } = world();
    quarantines.gate.close();
    region.quarantine(accountIdOf(1), REASON);
    for (const n of [1, 2]) send(transaction(n));
    await turns(clock);
    for (const shard of shards.owned()) shards.lose(shard);
    region.shutDown();
    quarantines.gate.open();
    await turns(clock);
    expect(endings).toEqual([]);
    expect(router.heldCount).toBe(2);
  });

  it('of an account on probation: the command that is alone ends where it is, those behind it are parked', async () => {
    const { clock, ledger, endings, send, region } = world();
    ledger.gate.close();
    for (const command of [transaction(1), bomb(2), transaction(3)]) send(command);
    await turns(clock, 30);
    expect(ledger.gate.waitingCount).toBe(1);
    send(transaction(4));
    region.quarantine(accountIdOf(1), REASON);
    ledger.gate.open();
    await turns(clock, 60);
    expect(endings).toEqual(['key-1 decided', 'key-2 parked', 'key-3 parked', 'key-4 parked']);
  });

  it('of an account on probation whose shard is lost: everything is given back, once', async () => {
    const { clock, ledger, endings, quarantines, router, send, region } = world();
    ledger.gate.close();
    quarantines.gate.close();
    for (const command of [transaction(1), bomb(2), transaction(3)]) send(command);
    await turns(clock, 30);
    region.quarantine(accountIdOf(1), REASON);
    ledger.epochs.set(0, 2n);
    ledger.gate.open();
    quarantines.gate.open();
    await turns(clock, 60);
    expect(endings).toEqual([]);
    expect(router.heldCount).toBe(3);
  });

  it('a crash meanwhile starts nothing: what it leaves is parked before what came later', async () => {
    const { clock, reader, endings, quarantines, send, region } = world();
    reader.gate.close();
    for (const command of [bomb(1), transaction(2)]) send(command);
    quarantines.gate.close();
    region.quarantine(accountIdOf(1), REASON);
    send(transaction(3));
    reader.gate.open();
    await turns(clock, 30);
    expect(endings).toEqual([]);
    expect(region.activeCount).toBe(0);
    quarantines.gate.open();
    await turns(clock, 30);
    expect(endings).toEqual(['key-1 parked', 'key-2 parked', 'key-3 parked']);
  });

  it('keeps no actor of an account that has nothing to do', async () => {
    const { clock, send, region } = world();
    send(transaction(1));
    await turns(clock);
    region.quarantine(accountIdOf(1), REASON);
    await turns(clock, 30);
    expect(region.activeCount).toBe(0);
    send(transaction(2));
    await turns(clock);
    clock.advance(IDLE_MS + 1);
    region.passivateIdle();
    expect(region.activeCount).toBe(0);
  });
});

it('shutting down gives everything back and starts nothing', async () => {
  const { clock, ledger, endings, desk, router, send, region, shards } = world();
  ledger.gate.close();
  send(transaction(1));
  send(transaction(2));
  await turns(clock);
  for (const shard of shards.owned()) shards.lose(shard);
  region.shutDown();
  router.route(envelopeOf(balanceRequest(), desk, new FakeDelivery('{}'), { n: 9 }));
  await turns(clock);
  expect(endings).toEqual([]);
  expect(router.heldCount).toBe(3);
  expect(region.activeCount).toBe(0);
});
