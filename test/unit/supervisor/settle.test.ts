/**
 * Without this: a message acknowledged before its outcome is in PostgreSQL, lost by the next crash; a deferral that is tried
 * for ever or never; a store that is away for a moment turning into a lost message.
 */
import { beforeEach, describe, expect, it } from 'vitest';
import type { TransactionCommand } from '../../../src/contracts/command.ts';
import type { StoredTransaction } from '../../../src/domain/identity.ts';
import type { Settlement } from '../../../src/domain/settlement.ts';
import { LIMITS } from '../../../src/limits.ts';
import type { CommandEnvelope } from '../../../src/supervisor/command-envelope.ts';
import { DeadLetterDesk } from '../../../src/supervisor/dead-letter-desk.ts';
import { DeferralDesk } from '../../../src/supervisor/deferral-desk.ts';
import { InFlight } from '../../../src/supervisor/in-flight.ts';
import { ParkDesk } from '../../../src/supervisor/park-desk.ts';
import { Settle } from '../../../src/supervisor/settle.ts';
import { Tally } from '../../../src/supervisor/tally.ts';
import { FakeClock, SeededRandom } from '../../support/fakes/fake-clock.ts';
import { balanceRequest, transaction } from '../../support/fakes/fake-envelope.ts';
import { CountingMetrics, QuietLogger } from '../../support/fakes/quiet.ts';
import { FakeAnnouncements, FakePublisher, FakeRetryClock, FakeStores } from './fake-stores.ts';
import { bodyOf, envelopeOf, FakeDelivery, turns } from './support.ts';

const RETRY_ATTEMPTS = 3;
const SAME_KEY = { kind: 'same-key', firstId: transaction(2).transactionId } as const;

function desk({ events }: { readonly events: 'on' | 'off' } = { events: 'on' }) {
  const clock = new FakeClock();
  const stores = new FakeStores();
  const { log } = stores;
  const publisher = new FakePublisher(log);
  const retryClock = new FakeRetryClock(log);
  const metrics = new CountingMetrics();
  const logger = new QuietLogger();
  const inFlight = new InFlight();
  const givenBack: CommandEnvelope[] = [];
  const announcements = new FakeAnnouncements(log);
  const onRecord = new Map<string, StoredTransaction>();
  const settle = new Settle({
    deadLetters: new DeadLetterDesk({ store: stores, publisher, clock, metrics, logger }),
    deferrals: new DeferralDesk({
      store: stores,
      reader: { stored: (id) => Promise.resolve(onRecord.get(id) ?? null) },
      retryClock,
      clock,
      random: new SeededRandom(1),
      metrics,
      logger,
      retryAttempts: RETRY_ATTEMPTS,
      retryDelayMs: 1_000,
      refundAmount: 'message',
      wake: (id) => void log.push(`wake ${id}`),
    }),
    parking: new ParkDesk({
      store: stores,
      shards: { epochOf: () => 1n },
      clock,
      logger,
      onSettled: () => undefined,
      onFenced: () => undefined,
    }),
    retryStore: stores,
    announcements: events === 'on' ? announcements : null,
    tally: new Tally(metrics, clock),
    inFlight,
    clock,
    metrics,
    logger,
    retryAttempts: RETRY_ATTEMPTS,
    giveBack: (envelope) => void givenBack.push(envelope),
  });
  return {
    clock,
    stores,
    log,
    publisher,
    retryClock,
    metrics,
    logger,
    inFlight,
    givenBack,
    onRecord,
    announcements,
    settle,
  };
}

let world: ReturnType<typeof desk>;
beforeEach(() => {
  world = desk();
});

/** A delivered deposit, settled. */
function settleDelivered(
  settlement: Settlement,
  fields: Parameters<typeof envelopeOf>[3] = {},
  command = transaction(1),
): FakeDelivery {
  const delivery = new FakeDelivery(bodyOf(command), world.log);
  world.inFlight.enter();
  envelopeOf(command, world.settle, delivery, fields).settle(settlement);
  return delivery;
}

describe('acknowledged at once', () => {
  const stored = { ...transaction(1), status: 'APPROVED', reason: null } as const;
  it.each<[string, Settlement]>([
    ['a repeat', { kind: 'repeat', stored }],
    ['an answered balance request', { kind: 'answered' }],
  ])('%s: somebody has committed it before', (_name, settlement) => {
    settleDelivered(settlement);
    expect(world.log).toEqual(['ack']);
    expect(world.inFlight.count).toBe(0);
  });

  it('the same key, where nobody is told of anything', () => {
    world = desk({ events: 'off' });
    settleDelivered(SAME_KEY);
    expect(world.log).toEqual(['ack']);
  });
});

describe('nothing is acknowledged before it is durable', () => {
  it('the same key: the event that tells of it', async () => {
    world.announcements.failures = 1;
    settleDelivered(SAME_KEY);
    await turns(world.clock);
    expect(world.log).toEqual([]);
    world.clock.advance(LIMITS.storeBackoffMsMin);
    await turns(world.clock);
    expect(world.log).toEqual(['announce 1', 'ack']);
    expect(world.announcements.announced).toMatchObject([
      {
        type: 'transaction.duplicate',
        account_id: transaction(1).accountId,
        transaction_id: transaction(1).transactionId,
        first_id: transaction(2).transactionId,
      },
    ]);
    expect(world.inFlight.count).toBe(0);
  });

  it('a deferral: scheduled, acknowledged, then the clock is armed', async () => {
    settleDelivered({ kind: 'deferred', code: 'ROW_MISSING' });
    expect(world.log).toEqual([]);
    await turns(world.clock);
    expect(world.log).toEqual(['schedule 1', 'ack', 'arm']);
    expect(world.retryClock.armed[0]).toMatchObject({ attempt: 1 });
  });

  it('a failure: recorded, published, acknowledged', async () => {
    settleDelivered({ kind: 'failed', code: 'ACCOUNT_UNKNOWN', detail: 'there is none' });
    await turns(world.clock);
    expect(world.log).toEqual(['record 1', 'publish', 'ack']);
  });

  it('a parked command: parked, acknowledged', async () => {
    settleDelivered({ kind: 'parked', reason: 'quarantined' });
    await turns(world.clock);
    expect(world.log).toEqual(['park 1', 'ack']);
  });

  it('a retry that ended: its row is removed before it leaves', async () => {
    settleDelivered({ kind: 'answered' }, { road: 'retry', attempt: 2 });
    expect(world.log).toEqual([]);
    await turns(world.clock);
    expect(world.log).toEqual(['remove 1', 'ack']);
  });

  it.each<[string, Settlement]>([
    ['deferral', { kind: 'deferred', code: 'ROW_LOCKED' }],
    ['failure', { kind: 'failed', code: 'PAYLOAD_MISMATCH', detail: 'amount' }],
    ['parking', { kind: 'parked', reason: 'quarantined' }],
  ])('a %s whose store is away stays unacknowledged and is tried again', async (_name, settlement) => {
    world.stores.failures = 3;
    const delivery = settleDelivered(settlement);
    await turns(world.clock);
    expect(delivery.acks).toBe(0);
    for (let round = 0; round < 5; round += 1) {
      world.clock.advance(2_000);
      await turns(world.clock);
    }
    expect(delivery.acks).toBe(1);
    expect(world.inFlight.count).toBe(0);
  });

  it('a broker that is away delays the acknowledgement of a dead letter, and its record is not doubled', async () => {
    world.publisher.failures = 2;
    const delivery = settleDelivered({ kind: 'failed', code: 'COMMIT_REFUSED', detail: '22003' });
    await turns(world.clock);
    expect(delivery.acks).toBe(0);
    world.clock.advance(5_000);
    await turns(world.clock);
    world.clock.advance(5_000);
    await turns(world.clock);
    expect(delivery.acks).toBe(1);
    expect(world.stores.letters).toHaveLength(1);
    expect(world.publisher.published).toHaveLength(1);
  });
});

it('what ends in one turn goes to each store in one call', async () => {
  for (let n = 0; n < 50; n += 1) {
    settleDelivered({ kind: 'failed', code: 'ACCOUNT_UNKNOWN', detail: '' }, { n });
    settleDelivered({ kind: 'deferred', code: 'ROW_MISSING' }, { n }, transaction(n));
  }
  await turns(world.clock);
  expect(world.log.filter((line) => line.startsWith('record'))).toEqual(['record 50']);
  expect(world.log.filter((line) => line.startsWith('schedule'))).toEqual(['schedule 50']);
});

describe('limits of a deferral', () => {
  it.each(['ROW_MISSING', 'ROW_LOCKED'] as const)(
    '%s is given up under its own code after the attempts',
    async (code) => {
      settleDelivered(
        { kind: 'deferred', code },
        { road: 'retry', attempt: RETRY_ATTEMPTS - 1, deferredFor: code },
      );
      settleDelivered(
        { kind: 'deferred', code },
        { road: 'retry', attempt: RETRY_ATTEMPTS, deferredFor: code },
      );
      await turns(world.clock);
      expect(world.stores.retries.get(transaction(1).transactionId)?.attempt ?? 'removed').toBe('removed');
      expect(world.stores.letters).toMatchObject([{ code, attempts: RETRY_ATTEMPTS + 1, marksError: true }]);
    },
  );

  it('an undecided original has no limit of attempts', async () => {
    settleDelivered(
      { kind: 'deferred', code: 'ORIGINAL_UNDECIDED' },
      { road: 'retry', attempt: 500, deferredFor: 'ORIGINAL_UNDECIDED' },
    );
    await turns(world.clock);
    expect(world.stores.letters).toEqual([]);
    expect([...world.stores.retries.values()]).toMatchObject([{ attempt: 501, code: 'ORIGINAL_UNDECIDED' }]);
  });

  it('the tries spent on an original are not held against a row that is locked for a moment', async () => {
    const fields = { road: 'retry', attempt: 40, deferredFor: 'ORIGINAL_UNDECIDED' } as const;
    settleDelivered({ kind: 'deferred', code: 'ROW_LOCKED' }, fields);
    await turns(world.clock);
    expect(world.stores.letters).toEqual([]);
    expect([...world.stores.retries.values()]).toMatchObject([{ code: 'ROW_LOCKED', attempt: 1 }]);
  });

  it('keeps when the transaction was first seen', async () => {
    settleDelivered({ kind: 'deferred', code: 'ORIGINAL_UNDECIDED' }, { firstSeenAtMs: 123 });
    await turns(world.clock);
    expect([...world.stores.retries.values()]).toMatchObject([{ firstSeenAtMs: 123 }]);
  });
});

describe('another body waits under the same id', () => {
  const deferred = { kind: 'deferred', code: 'ROW_MISSING' } as const;

  it('the same payload is a repeat', async () => {
    settleDelivered(deferred);
    await turns(world.clock);
    const other = { ...transaction(1), occurredAt: '2026-11-22T11:00:00Z', idempotencyKey: 'another' };
    const delivery = settleDelivered(deferred, {}, other);
    await turns(world.clock);
    expect(delivery.acks).toBe(1);
    expect(world.stores.letters).toEqual([]);
    expect(world.metrics.count('repeated already_decided')).toBe(1);
  });

  it('another payload is a dead letter that names the field', async () => {
    settleDelivered(deferred);
    await turns(world.clock);
    const delivery = settleDelivered(deferred, {}, transaction(1, { amountCents: 7n }));
    await turns(world.clock);
    expect(delivery.acks).toBe(1);
    expect(world.stores.letters).toMatchObject([{ code: 'PAYLOAD_MISMATCH', marksError: false }]);
    expect(world.stores.letters[0]?.detail).toContain('amount');
    expect(world.stores.retries.size).toBe(1);
  });
});

describe('a refund that waits for its original', () => {
  const deferred = { kind: 'deferred', code: 'ORIGINAL_UNDECIDED' } as const;
  const refund = transaction(1, { type: 'REFUND', originalId: transaction(2).transactionId });
  const row = { ...refund, originalId: undefined, status: 'PENDING', reason: null } as const;
  const decision = (command: TransactionCommand): Settlement => ({
    kind: 'decided',
    decision: {
      command,
      seq: 1n,
      eventTime: { atMs: 0, text: '1970-01-01T00:00:00.000Z' },
      outcome: 'APPROVED',
      reason: null,
      requestedCents: 1n,
      amountCents: 1n,
      balanceAfterCents: 1n,
      rowCardId: null,
      rowOriginalId: null,
      cardTotal: null,
      flags: [],
    },
  });

  it('is held to its row before it waits: only the true message does', async () => {
    world.onRecord.set(refund.transactionId, row);
    settleDelivered(deferred, {}, { ...refund, amountCents: 7n });
    await turns(world.clock);
    expect(world.stores.letters).toMatchObject([{ code: 'PAYLOAD_MISMATCH', marksError: false }]);
    expect(world.stores.retries.size).toBe(0);
    settleDelivered(deferred, {}, refund);
    await turns(world.clock);
    expect(world.stores.letters).toHaveLength(1);
    expect(world.stores.retries.size).toBe(1);
  });

  it('takes the place of a false message that came before the row: that one is the dead letter', async () => {
    const first = { ...refund, amountCents: 7n };
    const early = settleDelivered(deferred, {}, first);
    await turns(world.clock);
    world.onRecord.set(refund.transactionId, row);
    world.stores.failures = 1;
    const delivery = settleDelivered(deferred, {}, refund);
    for (let pause = 0; pause < 3; pause += 1) {
      await turns(world.clock);
      world.clock.advance(LIMITS.storeBackoffMsMin);
    }
    await turns(world.clock);
    expect(world.stores.letters).toMatchObject([
      { code: 'PAYLOAD_MISMATCH', body: early.body, attempts: 1, redelivered: true, marksError: false },
    ]);
    expect(world.stores.letters[0]?.detail).toContain('amount');
    expect([...world.stores.retries.values()].map(({ body }) => body)).toEqual([delivery.body]);
    expect([early.acks, delivery.acks]).toEqual([1, 1]);
    expect(world.inFlight.count).toBe(0);
    // Acknowledged last: whatever fails before, it comes again.
    expect(world.log.at(-1)).toBe('arm');
    expect(world.log.lastIndexOf('ack')).toBeGreaterThan(world.log.indexOf('remove 1'));
  });

  it('does not take the place of one that fits the row as well: which of the two is true nobody knows', async () => {
    world.onRecord.set(refund.transactionId, row);
    const early = settleDelivered(deferred, {}, refund);
    await turns(world.clock);
    settleDelivered(deferred, {}, { ...refund, originalId: transaction(3).transactionId });
    await turns(world.clock);
    expect(world.stores.letters).toMatchObject([{ code: 'PAYLOAD_MISMATCH' }]);
    expect([...world.stores.retries.values()].map(({ body }) => body)).toEqual([early.body]);
  });

  it.each(['APPROVED', 'REJECTED', 'ERROR'] as const)('does not wait where it is %s', async (status) => {
    world.onRecord.set(refund.transactionId, { ...row, status });
    const delivery = settleDelivered(deferred, {}, refund);
    await turns(world.clock);
    expect(delivery.acks).toBe(1);
    expect(world.stores.retries.size).toBe(0);
    expect(world.stores.letters).toEqual([]);
  });

  it('waits where it is in ERROR and an operator sends it again', async () => {
    world.onRecord.set(refund.transactionId, { ...row, status: 'ERROR' });
    settleDelivered(deferred, { mayDecideError: true }, refund);
    await turns(world.clock);
    expect(world.stores.retries.size).toBe(1);
  });

  it("is woken by its original's decision, once", async () => {
    settleDelivered(deferred, {}, refund);
    await turns(world.clock);
    settleDelivered(decision(transaction(3)), {}, transaction(3));
    expect(world.log).not.toContain(`wake ${refund.transactionId}`);
    settleDelivered(decision(transaction(2)), {}, transaction(2));
    settleDelivered(decision(transaction(2)), {}, transaction(2));
    expect(world.log.filter((entry) => entry === `wake ${refund.transactionId}`)).toHaveLength(1);
  });

  it('is woken after it was written where the decision came first', async () => {
    settleDelivered(deferred, {}, refund);
    settleDelivered(decision(transaction(2)), {}, transaction(2));
    await turns(world.clock);
    const wakes = world.log.flatMap((entry, at) => (entry.startsWith('wake') ? [at] : []));
    expect(wakes.at(-1)).toBeGreaterThan(world.log.indexOf('schedule 1'));
  });
});

it('a retry that cannot be read is given up and forgotten', async () => {
  world.inFlight.enter();
  const origin = new FakeDelivery('not json', world.log);
  const refusal = { code: 'BODY_NOT_JSON', deadLetterQueue: 'system_dlq', issues: [] } as const;
  world.settle.refuse(origin, refusal, 0, transaction(1).transactionId);
  await turns(world.clock);
  expect(world.log).toEqual(['record 1', 'publish', 'remove 1', 'ack']);
});

describe('dead letters', () => {
  it.each([
    ['ACCOUNT_UNKNOWN', 'transactions_dlq', false],
    ['PAYLOAD_MISMATCH', 'transactions_dlq', false],
    ['COMMIT_REFUSED', 'transactions_dlq', true],
    ['ACTOR_CRASHED', 'system_dlq', true],
    ['INVARIANT_BROKEN', 'system_dlq', false],
  ] as const)('%s goes to %s and marks the row: %s', async (code, queue, marksError) => {
    settleDelivered({ kind: 'failed', code, detail: 'why' });
    await turns(world.clock);
    expect(world.stores.letters).toMatchObject([{ deadLetterQueue: queue, marksError, detail: 'why' }]);
    expect(world.publisher.published).toMatchObject([
      { queue, headers: { 'x-reason': code, 'x-detail': 'why' } },
    ]);
  });

  it('a balance request goes to balance_dlq', async () => {
    const delivery = new FakeDelivery('{}', world.log, 'calculate_balance_queue');
    world.inFlight.enter();
    const failed = { kind: 'failed', code: 'ACCOUNT_UNKNOWN', detail: '' } as const;
    envelopeOf(balanceRequest(), world.settle, delivery).settle(failed);
    await turns(world.clock);
    expect(world.stores.letters).toMatchObject([{ deadLetterQueue: 'balance_dlq', transactionId: null }]);
  });

  it('an unreadable message keeps its bytes and says why, in headers of plain ASCII and bounded length', async () => {
    const delivery = new FakeDelivery(Buffer.from([0xff, 0x00, 0x7b]), world.log);
    world.inFlight.enter();
    const issues = Array.from({ length: 400 }, () => ({ path: '$.x', expected: 'naïve\nvalue' }));
    world.settle.refuse(delivery, { code: 'BODY_NOT_JSON', deadLetterQueue: 'system_dlq', issues }, 0);
    await turns(world.clock);
    const [message] = world.publisher.published;
    expect(message?.body).toEqual(delivery.body);
    expect(message?.headers['x-detail']).toMatch(/^[\x20-\x7e]{1,1000}$/);
    expect(message?.headers).toMatchObject({
      'x-reason': 'BODY_NOT_JSON',
      'x-category': 'validation',
      'x-attempts': 1,
      'x-first-seen': '1970-01-01T00:00:00.000Z',
      'x-original-queue': 'transactions_queue',
    });
    expect(delivery.acks).toBe(1);
  });

  it('a second try says that the first may have been recorded, so that it is recorded once', async () => {
    world.stores.failures = 1;
    settleDelivered({ kind: 'failed', code: 'COMMIT_REFUSED', detail: '' });
    await turns(world.clock);
    world.clock.advance(1_000);
    await turns(world.clock);
    expect(world.stores.letters).toMatchObject([{ redelivered: true }]);
  });

  it('one that the store never takes does not stop the others', async () => {
    const record = world.stores.record.bind(world.stores);
    world.stores.record = (letters) =>
      letters.some(({ detail }) => detail === 'poison')
        ? Promise.reject(new Error('22021'))
        : record(letters);
    const failed = (detail: string): Settlement => ({ kind: 'failed', code: 'ACCOUNT_UNKNOWN', detail });
    const deliveries = ['a', 'poison', 'b', 'c'].map((detail) => settleDelivered(failed(detail)));
    for (let round = 0; round < 12; round += 1) {
      await turns(world.clock);
      world.clock.advance(2_000);
    }
    expect(deliveries.map(({ acks }) => acks)).toEqual([1, 0, 1, 1]);
  });
});

it('settling twice acknowledges once', () => {
  const delivery = new FakeDelivery('{}', world.log);
  world.inFlight.enter();
  const envelope = envelopeOf(transaction(1), world.settle, delivery);
  envelope.settle({ kind: 'answered' });
  envelope.settle({ kind: 'answered' });
  envelope.giveBack('stopped');
  expect(delivery.acks).toBe(1);
  expect(world.givenBack).toEqual([]);
});
