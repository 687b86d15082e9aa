/**
 * Without this: a parked command is forgotten before its outcome is durable, handed out twice at a time, stands still because
 * one before it cannot be read, or takes its account down for ever; or a drain waits for what has been left in the ledger.
 */
import { beforeEach, describe, expect, it } from 'vitest';
import type { Envelope } from '../../../src/machines/envelope.ts';
import type { Settlement } from '../../../src/domain/settlement.ts';
import type { InboundQueue } from '../../../src/contracts/queues.ts';
import { LIMITS } from '../../../src/limits.ts';
import type { CommandEnvelope, Origin } from '../../../src/supervisor/command-envelope.ts';
import { InFlight } from '../../../src/supervisor/in-flight.ts';
import { ParkDesk } from '../../../src/supervisor/park-desk.ts';
import { ParkedDesk } from '../../../src/supervisor/parked-desk.ts';
import { FakeClock } from '../../support/fakes/fake-clock.ts';
import { accountIdOf, transaction, transactionIdOf } from '../../support/fakes/fake-envelope.ts';
import { QuietLogger } from '../../support/fakes/quiet.ts';
import { FakeStores } from './fake-stores.ts';
import { bodyOf, envelopeOf, FakeDelivery, turns } from './support.ts';

const ACCOUNT = accountIdOf(1);
const DECIDED = { kind: 'answered' } as const;

let clock: FakeClock;
let stores: FakeStores;
let inFlight: InFlight;
let desk: ParkedDesk;
/** What came out at `settle`, in order. */
let settled: { readonly envelope: CommandEnvelope; readonly settlement: Settlement }[];
let refused: Origin[];

beforeEach(() => {
  clock = new FakeClock();
  stores = new FakeStores();
  inFlight = new InFlight();
  settled = [];
  refused = [];
  desk = new ParkedDesk({
    store: stores,
    settle: {
      settled: (envelope, settlement) => void settled.push({ envelope, settlement }),
      refuse: (origin) => void refused.push(origin),
      unhandled: (origin) => void refused.push(origin),
    },
    inFlight,
    clock,
    logger: new QuietLogger(),
  });
});

const park = (...bodies: readonly string[]): Promise<void> => parkFrom('transactions_queue', ...bodies);

async function parkFrom(queue: InboundQueue, ...bodies: readonly string[]): Promise<void> {
  const rows = bodies.map((body) => ({
    accountId: ACCOUNT,
    shard: 0,
    epoch: 1n,
    queue,
    body: Buffer.from(body),
    reason: 'a test',
  }));
  await stores.park(rows);
}

const body = (n: number): string => bodyOf(transaction(n));
const idsOf = (envelopes: readonly Envelope[]): readonly string[] =>
  envelopes.map(({ command }) => (command.kind === 'transaction' ? command.transactionId : command.kind));

/** The last step of every settlement: the outcome is durable. */
async function end(envelope: CommandEnvelope): Promise<void> {
  envelope.origin.ack();
  inFlight.leave();
  await turns(clock);
}

describe('taking up', () => {
  it('brings them as deliveries, in order, those of `retry_queue` as replays', async () => {
    await park(body(1));
    await parkFrom('retry_queue', body(2));
    const envelopes = await desk.take(ACCOUNT);
    expect(idsOf(envelopes)).toEqual([1, 2].map(transactionIdOf));
    expect(envelopes).toMatchObject([
      { road: 'delivery', mayDecideError: false, attempt: 0, firstSeenAtMs: stores.parkedRows[0]?.sinceMs },
      { road: 'replay', mayDecideError: true },
    ]);
    expect(inFlight.count).toBe(2);
  });

  it('hands out nothing twice, and forgets a row when its outcome is durable, not before', async () => {
    await park(body(1), body(2));
    const [first] = await desk.take(ACCOUNT);
    await park(body(3));
    expect(idsOf(await desk.take(ACCOUNT))).toEqual([transactionIdOf(3)]);
    first!.settle(DECIDED);
    await turns(clock);
    expect(stores.parkedRows).toHaveLength(3);
    stores.gate.close();
    await end(settled[0]!.envelope);
    // Its deletion is under way.
    const taking = desk.take(ACCOUNT);
    stores.gate.open();
    expect(await taking).toEqual([]);
    await turns(clock);
    expect(stores.parkedRows.map(({ n }) => n)).toEqual([2n, 3n]);
  });

  it('tries a deletion again that failed', async () => {
    await park(body(1));
    const [one] = await desk.take(ACCOUNT);
    stores.failures = 1;
    one!.settle(DECIDED);
    await end(settled[0]!.envelope);
    expect(stores.parkedRows).toHaveLength(1);
    clock.advance(LIMITS.storeBackoffMsMax);
    await turns(clock);
    expect(stores.parkedRows).toEqual([]);
  });

  it('one that cannot be read goes to a dead letter and stops nobody, even a whole batch of them', async () => {
    await park(...Array.from({ length: LIMITS.parkedBatchMax }, () => 'not json'), body(1));
    expect(idsOf(await desk.take(ACCOUNT))).toEqual([transactionIdOf(1)]);
    expect(refused).toHaveLength(LIMITS.parkedBatchMax);
    expect(inFlight.count).toBe(LIMITS.parkedBatchMax + 1);
  });

  it('rejects when the store does', async () => {
    stores.failures = 1;
    await expect(desk.take(ACCOUNT)).rejects.toThrow('away');
  });

  it('goes through the accounts and begins again', async () => {
    await park(body(1));
    expect(await desk.accountsToTakeUp()).toEqual([ACCOUNT]);
    expect(await desk.accountsToTakeUp()).toEqual([ACCOUNT]);
  });
});

describe('given back', () => {
  it.each(['fenced', 'stopped', 'shutdown'] as const)(
    '%s: it is left where it is, and out of our hands',
    async (reason) => {
      await park(body(1), body(2));
      for (const envelope of await desk.take(ACCOUNT)) envelope.giveBack(reason);
      expect(inFlight.count).toBe(0);
      expect(settled).toEqual([]);
      expect(idsOf(await desk.take(ACCOUNT))).toEqual([1, 2].map(transactionIdOf));
    },
  );

  it('after a crash they come one at a time; the one that does it twice alone is given up, the others go on', async () => {
    await park(body(1), body(2), body(3));
    const crash = async (): Promise<readonly string[]> => {
      const envelopes = await desk.take(ACCOUNT);
      for (const envelope of envelopes) envelope.giveBack('crashed');
      return idsOf(envelopes);
    };
    expect(await crash()).toHaveLength(3);
    const [first] = await desk.take(ACCOUNT);
    expect(idsOf([first!])).toEqual([transactionIdOf(1)]);
    first!.settle(DECIDED);
    await end(settled[0]!.envelope);
    expect(await crash()).toEqual([transactionIdOf(2)]);
    expect(settled).toHaveLength(1);
    expect(await crash()).toEqual([transactionIdOf(2)]);
    expect(settled[1]).toMatchObject({ settlement: { kind: 'failed', code: 'ACTOR_CRASHED' } });
    await end(settled[1]!.envelope);
    const [last] = await desk.take(ACCOUNT);
    expect(idsOf([last!])).toEqual([transactionIdOf(3)]);
    last!.settle(DECIDED);
    await end(settled[2]!.envelope);
    expect(inFlight.count).toBe(0);
    // As good as any other account.
    expect(await desk.take(ACCOUNT)).toEqual([]);
    await park(body(4), body(5));
    expect(await desk.take(ACCOUNT)).toHaveLength(2);
  });

  it('a stop between two crashes does not count as one', async () => {
    await park(body(1));
    for (const reason of ['crashed', 'stopped', 'crashed', 'stopped'] as const) {
      for (const envelope of await desk.take(ACCOUNT)) envelope.giveBack(reason);
    }
    expect(settled).toEqual([]);
  });
});

describe('parking', () => {
  let ownEpoch: bigint | null;
  let told: string[];
  beforeEach(() => {
    ownEpoch = 1n;
    told = [];
  });
  const parking = (): ParkDesk =>
    new ParkDesk({
      store: stores,
      shards: { epochOf: () => ownEpoch },
      clock,
      logger: new QuietLogger(),
      onSettled: (shard) => void told.push(`settled ${shard}`),
      onFenced: (shard, epoch) => void told.push(`fenced ${shard} ${String(epoch)}`),
    });
  const envelope = (n: number, accountId = ACCOUNT): CommandEnvelope =>
    envelopeOf(
      transaction(n, { accountId }),
      { settled: () => undefined, givenBack: () => undefined },
      new FakeDelivery(body(n)),
    );

  it('says when all of an account is in the ledger, after each was told', async () => {
    const parked: string[] = [];
    const desks = parking();
    expect(desks.whenParked(ACCOUNT)).toBeNull();
    stores.gate.close();
    for (const n of [1, 2]) desks.park(envelope(n), 'a test', () => void parked.push(`parked ${n}`));
    void desks.whenParked(ACCOUNT)?.then(() => parked.push('all'));
    expect(desks.whenParked(accountIdOf(2))).toBeNull();
    await turns(clock);
    expect(parked).toEqual([]);
    stores.gate.open();
    await turns(clock);
    expect(parked).toEqual(['parked 1', 'parked 2', 'all']);
    expect(desks.whenParked(ACCOUNT)).toBeNull();
    expect(stores.parkedRows).toHaveLength(2);
  });

  it('is not over while the store fails', async () => {
    stores.failures = 2;
    const desks = parking();
    desks.park(envelope(1), 'a test', () => undefined);
    await turns(clock);
    expect(desks.whenParked(ACCOUNT)).not.toBeNull();
    for (let round = 0; round < 4; round += 1) {
      clock.advance(LIMITS.storeBackoffMsMax);
      await turns(clock);
    }
    expect(desks.whenParked(ACCOUNT)).toBeNull();
  });

  it('keeps the order of an account, and one that always fails stops no other account', async () => {
    const desks = parking();
    const other = accountIdOf(2);
    for (const n of [1, 2, 3]) desks.park(envelope(n), 'a test', () => undefined);
    desks.park(envelope(4, other), 'a test', () => undefined);
    // Together, in halves, the first one alone; then it goes behind the other account, with all of its own.
    stores.failures = 3;
    for (let round = 0; round < 8; round += 1) {
      await turns(clock);
      clock.advance(LIMITS.storeBackoffMsMax);
    }
    expect(stores.parkedRows.map((row) => row.body.toString())).toEqual([4, 1, 2, 3].map((n) => body(n)));
  });

  it('is refused when the shard has another epoch: each is told, then the node', async () => {
    const desks = parking();
    stores.epochOf = () => 2n;
    for (const n of [1, 2]) desks.park(envelope(n), 'a test', (end) => void told.push(`${n} ${end}`));
    await turns(clock);
    expect(told).toEqual(['1 fenced', '2 fenced', 'settled 0', 'fenced 0 1']);
    expect([stores.parkedRows, desks.isBusyWith(0)]).toEqual([[], false]);
  });

  it('is behind while the epoch is another one than that of what is under way', async () => {
    const desks = parking();
    stores.gate.close();
    desks.park(envelope(1), 'a test', () => undefined);
    expect([desks.isBehind(0, 1n), desks.isBehind(0, 2n), desks.isBehind(0, null)]).toEqual([
      false,
      true,
      true,
    ]);
    expect(desks.isBehind(1, null)).toBe(false);
    ownEpoch = null;
    desks.park(envelope(2), 'a test', (end) => void told.push(end));
    stores.epochOf = () => 1n;
    stores.gate.open();
    await turns(clock);
    expect(told).toEqual(['fenced', 'settled 0', 'fenced 0 -1']);
    expect(stores.parkedRows).toHaveLength(1);
  });
});
