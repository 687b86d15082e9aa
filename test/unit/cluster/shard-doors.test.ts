/**
 * Without these: a command is decided by an actor whose shard has gone, or overtakes an older one of its account while the
 * shard changes hands; a message that passed unread reaches an actor, or blocks those behind it; a reader that goes away takes unread messages with it, or is never opened again.
 */
import { describe, expect, it } from 'vitest';
import { shardOf } from '../../../src/domain/shard.ts';
import type { Consumption, Subscription } from '../../../src/ports/broker.ts';
import { LIMITS } from '../../../src/limits.ts';
import { Intakes } from '../../../src/supervisor/cluster/intakes.ts';
import { ShardExits } from '../../../src/supervisor/shard-exits.ts';
import { FakeClock } from '../../support/fakes/fake-clock.ts';
import { accountIdOf, transaction } from '../../support/fakes/fake-envelope.ts';
import { QuietLogger } from '../../support/fakes/quiet.ts';
import { bytes, live } from '../contracts/messages.ts';
import { SHARDS_ALL, supervised } from '../supervisor/supervised.ts';
import { bodyOf, FakeDelivery, turns } from '../supervisor/support.ts';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** A node with one account, and the shard of that account. */
async function node() {
  const world = supervised();
  world.node.shards.own(SHARDS_ALL);
  world.ledger.addAccount(accountIdOf(1));
  const deliverBody = (body: Buffer | string): FakeDelivery => {
    const delivery = new FakeDelivery(body, world.log);
    world.node.ingest.onDelivery(delivery);
    return delivery;
  };
  const deliver = (n: number): FakeDelivery => deliverBody(bodyOf(transaction(n)));
  deliver(1);
  await turns(world.clock);
  return { ...world, deliver, deliverBody, shard: shardOf(accountIdOf(1), LIMITS.shardCount) };
}

describe('a shard that leaves', () => {
  it('is shut: what comes waits until its actors have finished, then goes to the next owner', async () => {
    const { node: parts, clock, deliver, shard, ledger } = await node();
    ledger.gate.close();
    deliver(2);
    await turns(clock);
    parts.doors.beginHandOff(shard);
    const late = deliver(3);
    const ends: string[] = [];
    const isFinished = (): boolean => ends.length > 0;
    void parts.doors.finished(shard).then(() => ends.push('finished'));
    clock.advance(LIMITS.handOffPollMs);
    await turns(clock);
    expect([isFinished(), parts.router.heldCount, parts.forwarder.heldCount]).toEqual([false, 1, 0]);
    expect(parts.doors.epochForOthers(shard)).toBeNull();
    ledger.gate.open();
    for (let round = 0; round < 5 && !isFinished(); round += 1) {
      await turns(clock);
      clock.advance(LIMITS.handOffPollMs);
    }
    await turns(clock);
    expect(isFinished()).toBe(true);
    parts.shards.lose(shard);
    parts.doors.left(shard);
    await turns(clock);
    expect([parts.router.heldCount, parts.forwarder.heldCount, late.acks]).toEqual([0, 1, 0]);
    expect(ledger.decided.size).toBe(2);
  });

  it('is ended when it does not finish in time, and everything of it goes on in order', async () => {
    const { node: parts, clock, deliver, shard, ledger } = await node();
    ledger.gate.close();
    for (let n = 2; n <= 4; n += 1) deliver(n);
    await turns(clock);
    parts.doors.beginHandOff(shard);
    const exits = new ShardExits({
      region: parts.region,
      parking: { isBusyWith: () => false },
      clock,
      logger: new QuietLogger(),
    });
    const finished = exits.finish(shard);
    for (let passedMs = 0; passedMs <= LIMITS.handOffFinishMs; passedMs += LIMITS.handOffPollMs) {
      clock.advance(LIMITS.handOffPollMs);
      await turn();
    }
    await finished;
    expect([parts.region.isBusyWith(shard), parts.router.heldCount]).toEqual([false, 3]);
  });
});

describe('a shard that is lost', () => {
  it('gives everything unanswered to its next owner; when it comes back, it is decided here', async () => {
    const { node: parts, clock, deliver, shard, ledger, metrics } = await node();
    ledger.gate.close();
    for (let n = 2; n <= 4; n += 1) deliver(n);
    await turns(clock);
    ledger.epochs.set(shard, 2n);
    ledger.gate.open();
    await turns(clock);
    expect([parts.router.heldCount, parts.forwarder.heldCount]).toEqual([0, 3]);
    expect(metrics.count('actorStopped fenced')).toBe(1);
    parts.shards.own(new Map([[shard, 2n]]));
    parts.doors.owned([shard]);
    await turns(clock);
    expect([parts.forwarder.heldCount, ledger.decided.size]).toEqual([0, 4]);
  });
});

describe('a shard that goes while commands of a quarantined account are being parked', () => {
  async function parking() {
    const world = await node();
    world.node.region.quarantine(accountIdOf(1), 'a test');
    await turns(world.clock);
    world.stores.gate.close();
    const first = world.deliver(2);
    await turns(world.clock);
    world.node.shards.lose(world.shard);
    world.node.doors.lost(world.shard);
    const newer = world.deliver(3);
    await turns(world.clock);
    return { ...world, first, newer };
  }

  it('newer ones wait; what the ledger refuses goes to the next owner before them', async () => {
    const { node: parts, clock, stores, shard, first, newer } = await parking();
    expect([parts.router.heldCount, parts.forwarder.heldCount]).toEqual([1, 0]);
    stores.epochOf = () => 2n;
    stores.gate.open();
    await turns(clock);
    expect([parts.router.heldCount, stores.parkedRows, first.acks, newer.acks]).toEqual([0, [], 0, 0]);
    expect(parts.forwarder.release(shard).map(({ origin }) => origin)).toEqual([
      expect.objectContaining({ body: first.body }),
      expect.objectContaining({ body: newer.body }),
    ]);
  });

  it('what was parked in time is acknowledged, and newer ones go on', async () => {
    const { node: parts, clock, stores, first } = await parking();
    stores.gate.open();
    await turns(clock);
    expect([first.acks, stores.parkedRows.length]).toEqual([1, 1]);
    expect([parts.router.heldCount, parts.forwarder.heldCount]).toEqual([0, 1]);
  });

  it('ours again under another epoch: the refused one is still decided before what came later', async () => {
    const { node: parts, clock, stores, shard, first, newer } = await parking();
    parts.shards.own(new Map([[shard, 3n]]));
    parts.doors.owned([shard]);
    await turns(clock);
    expect(parts.router.heldCount).toBe(1);
    stores.epochOf = () => 3n;
    stores.gate.open();
    await turns(clock, 30);
    expect(stores.parkedRows.map((row) => row.body)).toEqual([first.body, newer.body]);
    expect([first.acks, newer.acks]).toEqual([1, 1]);
  });
});

describe('a message whose account shows, and that is no command', () => {
  const bad = (n: number): Buffer =>
    bytes(live({ id: transaction(n).transactionId, account_id: accountIdOf(1), type: 'GIFT' }));

  it('is a dead letter of its owner, and the next one is decided', async () => {
    const { node: parts, clock, deliver, deliverBody, stores, ledger } = await node();
    const refused = deliverBody(bad(2));
    const next = deliver(3);
    await turns(clock);
    expect(stores.letters).toMatchObject([
      {
        code: 'MESSAGE_INVALID',
        deadLetterQueue: 'transactions_dlq',
        queue: 'transactions_queue',
        attempts: 1,
      },
    ]);
    expect([refused.acks, next.acks, ledger.decided.size]).toEqual([1, 1, 2]);
    expect([parts.inFlight.count, parts.ingest.isAtWork(transaction(2).transactionId)]).toEqual([0, false]);
  });

  it('goes on unread to the owner of its shard; taken back, it is a dead letter in its place', async () => {
    const { node: parts, clock, deliver, deliverBody, shard, stores, ledger } = await node();
    parts.shards.lose(shard);
    const refused = deliverBody(bad(2));
    deliver(3);
    await turns(clock);
    expect([parts.forwarder.heldOf(shard), stores.letters, refused.acks]).toEqual([2, [], 0]);
    ledger.epochs.set(shard, 2n);
    parts.shards.own(new Map([[shard, 2n]]));
    parts.doors.owned([shard]);
    await turns(clock);
    expect([stores.letters.length, refused.acks, ledger.decided.size]).toEqual([1, 1, 2]);
  });

  it('is refused where it came in while all shards are ours: whoever waits for its shard waits without it', async () => {
    const { node: parts, clock, deliverBody, shard, stores } = await node();
    const elsewhere = (shard + 1) % LIMITS.shardCount;
    parts.doors.hold(shard);
    parts.shards.lose(elsewhere);
    deliverBody(bad(2));
    await turns(clock);
    expect([parts.router.heldCount, stores.letters.length]).toEqual([1, 0]);
    parts.shards.own(new Map([[elsewhere, 2n]]));
    parts.shards.own(new Map([[elsewhere, 3n]]));
    expect(parts.shards.ownsAll).toBe(true);
    deliverBody(bad(3));
    await turns(clock);
    expect([parts.router.heldCount, stores.letters.length]).toEqual([1, 1]);
  });
});

/** Readers that close when the test says so. */
class FakeInbound {
  readonly consumed: string[] = [];
  readonly log: string[] = [];
  unacknowledged = 0;
  #reader: Subscription | null = null;

  consume({ queue }: Consumption): Promise<Subscription> {
    this.consumed.push(queue);
    this.#reader = {
      quiesce: () => {
        this.log.push('quiesce');
        return Promise.resolve();
      },
      close: () => {
        this.log.push('close');
        this.#reader = null;
        return Promise.resolve();
      },
      unacknowledged: () => this.unacknowledged,
      waiting: () => 0,
    };
    return Promise.resolve(this.#reader);
  }

  reader(): Subscription | null {
    return this.#reader;
  }
}

function intakes() {
  const clock = new FakeClock();
  const inbound = new FakeInbound();
  const made = new Intakes({
    inbound,
    onDelivery: () => undefined,
    windowMax: () => 10,
    clock,
    logger: new QuietLogger(),
  });
  return { clock, inbound, intakes: made };
}

describe('the reader of a queue', () => {
  it('takes nothing new and finishes, before its channel is closed', async () => {
    const { clock, inbound, intakes: made } = intakes();
    made.openIntake('refund_queue');
    inbound.unacknowledged = 3;
    const closed = made.closeIntake('refund_queue');
    await turn();
    clock.advance(LIMITS.handOffPollMs);
    await turn();
    expect(inbound.log).toEqual(['quiesce']);
    inbound.unacknowledged = 0;
    clock.advance(LIMITS.handOffPollMs);
    await closed;
    expect(inbound.log).toEqual(['quiesce', 'close']);
  });

  it('is closed all the same when it does not finish', async () => {
    const { clock, inbound, intakes: made } = intakes();
    made.openIntake('refund_queue');
    inbound.unacknowledged = 3;
    const closed = made.closeIntake('refund_queue');
    for (let passedMs = 0; passedMs <= LIMITS.intakeFinishMs; passedMs += LIMITS.handOffPollMs) {
      await turn();
      clock.advance(LIMITS.handOffPollMs);
    }
    await closed;
    expect(inbound.log).toEqual(['quiesce', 'close']);
  });

  it('closes on overflow and reads again after a pause, but not what is no longer ours', async () => {
    const { clock, inbound, intakes: made } = intakes();
    made.openIntake('refund_queue');
    made.overflow('refund_queue');
    made.overflow('refund_queue');
    await turn();
    expect(inbound.log).toEqual(['close']);
    clock.advance(LIMITS.intakeRestartMs);
    await turn();
    expect(inbound.consumed).toEqual(['refund_queue', 'refund_queue']);
    made.overflow('refund_queue');
    await made.closeIntake('refund_queue');
    await turn();
    clock.advance(LIMITS.intakeRestartMs);
    await turn();
    expect(inbound.consumed).toHaveLength(2);
  });
});
