/**
 * Without this: a message that closes its channel or vanishes, a retry that runs twice at once or is forgotten with the
 * retry clock, a drain that takes in new messages.
 */
import { beforeEach, describe, expect, it } from 'vitest';
import { liveBodyOf } from '../../../src/contracts/live-body.ts';
import type { InboundQueue } from '../../../src/contracts/queues.ts';
import { shardOf } from '../../../src/domain/shard.ts';
import { LIMITS } from '../../../src/limits.ts';
import { SHARDS_ALL, supervised } from './supervised.ts';
import type { Supervised } from './supervised.ts';
import { accountIdOf, pendingRow, transaction } from '../../support/fakes/fake-envelope.ts';
import { COMMIT_MS } from '../../support/fakes/fake-ledger.ts';
import { bodyOf, FakeDelivery, turns } from './support.ts';

let world: Supervised;
beforeEach(() => {
  world = supervised();
  world.node.shards.own(SHARDS_ALL);
  world.ledger.addAccount(accountIdOf(1));
});

function deliver(body: string | Buffer, queue: InboundQueue = 'transactions_queue'): FakeDelivery {
  const delivery = new FakeDelivery(body, world.log, queue);
  world.node.ingest.onDelivery(delivery);
  return delivery;
}

const refund = (n: number, originalId: string) =>
  transaction(n, { type: 'REFUND', originalId, amountCents: 40n });

async function seconds(count: number): Promise<void> {
  for (let second = 0; second < count; second += 1) {
    world.clock.advance(1_000);
    await turns(world.clock, 20);
  }
}

describe('deliveries', () => {
  it('a command is decided, then acknowledged', async () => {
    world.ledger.gate.close();
    const delivery = deliver(bodyOf(transaction(1)));
    await turns(world.clock);
    expect(delivery.acks).toBe(0);
    world.ledger.gate.open();
    await turns(world.clock);
    expect(delivery.acks).toBe(1);
    expect(world.ledger.decided.size).toBe(1);
    expect(world.metrics.count('decided DEPOSIT APPROVED')).toBe(1);
    expect(world.metrics.count('received transactions_queue')).toBe(1);
  });

  it('what it took counts from when the message came, not from when it was handed out', async () => {
    const waiting = new FakeDelivery(bodyOf(transaction(1)));
    const { queue, body, redelivered, headers } = waiting;
    const receivedAtMs = world.clock.now() - 120;
    world.node.ingest.onDelivery({
      queue,
      body,
      redelivered,
      headers,
      receivedAtMs,
      ack: () => waiting.ack(),
    });
    await turns(world.clock);
    expect(waiting.acks).toBe(1);
    expect(world.metrics.settledSeconds).toEqual([(120 + COMMIT_MS) / 1_000]);
  });

  it.each([
    ['nothing', ''],
    ['no JSON', '{'],
    ['no object', '[1]'],
    ['no command', '{"id":"x"}'],
    ['no text', Buffer.from([0xc3, 0x28])],
  ])('%s is a dead letter, and the next message is processed', async (_name, body) => {
    const bad = deliver(body);
    const good = deliver(bodyOf(transaction(1)));
    await turns(world.clock);
    expect(world.stores.letters).toHaveLength(1);
    expect(bad.acks).toBe(1);
    expect(good.acks).toBe(1);
  });

  it.each([
    ['decoded at once', 'ours'],
    ['glanced at', "another node's"],
  ])(
    'a live one, %s, counts as at work until it is answered, also where our own handling throws',
    async (_how, whose) => {
      const command = transaction(1);
      const elsewhere = (shardOf(command.accountId, LIMITS.shardCount) + 1) % LIMITS.shardCount;
      if (whose !== 'ours') world.node.shards.lose(elsewhere);
      const body = liveBodyOf({
        id: command.transactionId,
        accountId: command.accountId,
        cardId: null,
        amountCents: 100n,
        type: 'DEPOSIT',
        idempotencyKey: command.idempotencyKey,
        originalId: null,
        createdAt: '2026-11-22T10:40:00.000001Z',
      });
      const { ingest, shards } = world.node;
      world.ledger.addRow(pendingRow(command));
      world.ledger.gate.close();
      deliver(body);
      await turns(world.clock);
      expect(ingest.isAtWork(command.transactionId)).toBe(true);
      expect(ingest.newestDeliveredAt).toBe('2026-11-22T10:40:00.000001Z');
      // The next one cannot be read: what came before it still counts.
      deliver(Buffer.from(body.toString().replace('"amount_cents":100', '"amount_cents":0')));
      expect(ingest.newestDeliveredAt).toBe('2026-11-22T10:40:00.000001Z');
      world.ledger.gate.open();
      await turns(world.clock);
      expect(ingest.isAtWork(command.transactionId)).toBe(false);

      shards.epochOf = () => {
        throw new Error('a mistake of ours');
      };
      deliver(body);
      expect(ingest.isAtWork(command.transactionId)).toBe(true);
      await turns(world.clock);
      expect(ingest.isAtWork(command.transactionId)).toBe(false);
    },
  );

  it('a throw in our own handling is a dead letter, not a throw into the channel', async () => {
    const ofShard = world.node.shards.epochOf.bind(world.node.shards);
    world.node.shards.epochOf = () => {
      throw new Error('a mistake of ours');
    };
    const bad = deliver(bodyOf(transaction(1)));
    world.node.shards.epochOf = ofShard;
    await turns(world.clock);
    expect(world.stores.letters).toMatchObject([{ code: 'INVARIANT_BROKEN', deadLetterQueue: 'system_dlq' }]);
    expect(bad.acks).toBe(1);
    expect(world.node.inFlight.count).toBe(0);
  });

  it('what comes after the close is left alone: it goes back when the channel closes', async () => {
    world.node.ingest.close();
    const delivery = deliver(bodyOf(transaction(1)));
    await turns(world.clock);
    expect(delivery.acks).toBe(0);
    expect(world.node.inFlight.count).toBe(0);
  });

  it('only retry_queue may decide a row in ERROR', async () => {
    const row = { ...pendingRow(transaction(1)), status: 'ERROR' } as const;
    world.ledger.addRow(row);
    deliver(bodyOf(transaction(1)));
    await turns(world.clock);
    expect(world.ledger.decided.size).toBe(0);
    deliver(bodyOf(transaction(1)), 'retry_queue');
    await turns(world.clock);
    expect(world.ledger.decided.get(transaction(1).transactionId)?.road).toBe('replay');
  });
});

describe('retries', () => {
  const original = transaction(1);

  /** A refund that came before its original. */
  async function early(): Promise<FakeDelivery> {
    const delivery = deliver(bodyOf(refund(2, original.transactionId)));
    await turns(world.clock);
    expect(delivery.acks).toBe(1);
    expect(world.stores.retries.size).toBe(1);
    return delivery;
  }

  /** Nobody is there yet whom the decision could wake. */
  async function decideUnnoticed(): Promise<void> {
    deliver(bodyOf(original));
    await turns(world.clock);
    expect(world.ledger.decided.size).toBe(1);
  }

  it('an early refund is decided as soon as its original is', async () => {
    world.node.retries.start();
    await early();
    deliver(bodyOf(original));
    await turns(world.clock, 30);
    const row = world.ledger.decided.get(transaction(2).transactionId);
    expect(row).toMatchObject({ outcome: 'APPROVED', road: 'retry' });
    expect(world.stores.retries.size).toBe(0);
    expect(world.node.retries.onRoad).toBe(0);
    expect(world.node.inFlight.count).toBe(0);
  });

  it('an early refund is decided when its time has come, and its row is gone', async () => {
    await early();
    await decideUnnoticed();
    world.node.retries.start();
    const [armed] = world.retryClock.armed;
    await world.retryClock.ring(armed!.transactionId, armed!.attempt);
    await turns(world.clock, 20);
    const row = world.ledger.decided.get(transaction(2).transactionId);
    expect(row).toMatchObject({ outcome: 'APPROVED', amountCents: 40n * -1n, road: 'retry' });
    expect(world.stores.retries.size).toBe(0);
    expect(world.node.retries.onRoad).toBe(0);
    expect(world.node.inFlight.count).toBe(0);
  });

  it('a retry that is not ripe waits longer, under its next attempt', async () => {
    world.node.retries.start();
    await early();
    const [armed] = world.retryClock.armed;
    await world.retryClock.ring(armed!.transactionId, armed!.attempt);
    await turns(world.clock, 20);
    expect(world.retryClock.armed.map(({ attempt }) => attempt)).toEqual([1, 2]);
    expect([...world.stores.retries.values()]).toMatchObject([{ attempt: 2 }]);
  });

  it('what the retry clock forgot is found in the ledger', async () => {
    await early();
    await decideUnnoticed();
    world.node.retries.start();
    await seconds(4);
    expect(world.ledger.decided.size).toBe(2);
    expect(world.stores.retries.size).toBe(0);
  });

  it('the clock and the ledger together bring it once', async () => {
    await early();
    await decideUnnoticed();
    world.node.retries.start();
    world.ledger.gate.close();
    const [armed] = world.retryClock.armed;
    world.clock.advance(5_000);
    await world.retryClock.ring(armed!.transactionId, armed!.attempt);
    for (let second = 0; second < 5; second += 1) {
      await turns(world.clock);
      world.clock.advance(LIMITS.retryPollMs);
      await world.retryClock.ring(armed!.transactionId, armed!.attempt);
    }
    expect(world.node.inFlight.count).toBe(1);
    world.ledger.gate.open();
    await turns(world.clock, 20);
    expect(world.metrics.count('repeated already_decided')).toBe(0);
    expect(world.ledger.decided.size).toBe(2);
  });

  it('an alarm for an attempt that has moved on is ignored', async () => {
    world.node.retries.start();
    await early();
    await world.retryClock.ring(refund(2, original.transactionId).transactionId, 7);
    await turns(world.clock);
    expect(world.node.inFlight.count).toBe(0);
    expect(world.node.retries.onRoad).toBe(0);
  });

  it('a ledger that is away does not stop the polling', async () => {
    await early();
    await decideUnnoticed();
    world.node.retries.start();
    const due = world.stores.due.bind(world.stores);
    world.stores.due = () => Promise.reject(new Error('away'));
    await seconds(4);
    expect(world.ledger.decided.size).toBe(1);
    world.stores.due = due;
    await seconds(2);
    expect(world.ledger.decided.size).toBe(2);
  });

  it('nothing is brought back after the stop', async () => {
    world.node.retries.start();
    await early();
    await world.node.retries.stop();
    await world.retryClock.ring(refund(2, original.transactionId).transactionId, 1);
    world.clock.advance(60_000);
    await turns(world.clock);
    expect(world.node.inFlight.count).toBe(0);
  });
});
