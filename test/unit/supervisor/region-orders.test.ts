/**
 * Parked commands and operators' orders in a whole node on fakes. Without this: commands that were parked wait for a newer one
 * that never comes, are overtaken by one after a release, or an order slips past a quarantine.
 */
import { describe, expect, it } from 'vitest';
import type { OperatorAction } from '../../../src/contracts/command.ts';
import type { Settlement } from '../../../src/domain/settlement.ts';
import { shardOf } from '../../../src/domain/shard.ts';
import { LIMITS } from '../../../src/limits.ts';
import { accountIdOf, operatorOrder, transaction } from '../../support/fakes/fake-envelope.ts';
import { supervised, SHARDS_ALL } from './supervised.ts';
import type { Supervised } from './supervised.ts';
import { bodyOf, envelopeOf, FakeDelivery, turns } from './support.ts';

const ACCOUNT = accountIdOf(1);

function world(): Supervised {
  const parts = supervised();
  for (const n of [1, 2]) parts.ledger.addAccount(accountIdOf(n));
  parts.node.shards.own(SHARDS_ALL);
  return parts;
}

async function park({ stores }: Supervised, accountId: string, ...bodies: readonly string[]): Promise<void> {
  const queue = 'transactions_queue';
  const common = { accountId, shard: 0, epoch: 1n, queue, reason: 'a test' } as const;
  await stores.park(bodies.map((body) => ({ ...common, body: Buffer.from(body) })));
}

const body = (n: number, accountId = ACCOUNT): string => bodyOf(transaction(n, { accountId }));
const deliver = ({ node }: Supervised, n: number): FakeDelivery => {
  const delivery = new FakeDelivery(body(n));
  node.ingest.onDelivery(delivery);
  return delivery;
};
const keysOf = ({ ledger }: Supervised, accountId = ACCOUNT): readonly string[] =>
  (ledger.journal.get(accountId) ?? []).map(({ command }) => command.idempotencyKey);

/** How the order ended, once it has. */
function give({ node }: Supervised, n: number, action: OperatorAction): { settlement: Settlement | null } {
  const end: { settlement: Settlement | null } = { settlement: null };
  const desk = {
    settled: (_: unknown, settlement: Settlement) => void (end.settlement = settlement),
    givenBack: () => undefined,
  };
  const shard = shardOf(ACCOUNT, LIMITS.shardCount);
  node.router.route(envelopeOf(operatorOrder(n, action), desk, new FakeDelivery(''), { shard }));
  return end;
}

describe('parked commands', () => {
  it('of accounts whose shards are ours are decided without a newer one, and leave nothing behind', async () => {
    const parts = world();
    await park(parts, ACCOUNT, body(1), body(2));
    await park(parts, accountIdOf(2), body(3, accountIdOf(2)));
    parts.node.shards.lose(shardOf(accountIdOf(2), LIMITS.shardCount));
    await parts.node.region.takeUpParked();
    await turns(parts.clock, 30);
    expect(keysOf(parts)).toEqual(['key-1', 'key-2']);
    expect(keysOf(parts, accountIdOf(2))).toEqual([]);
    expect(parts.stores.parkedRows.map(({ accountId }) => accountId)).toEqual([accountIdOf(2)]);
    expect(parts.node.inFlight.count).toBe(0);
  });

  it('of a shard that is being handed off are left to its next owner', async () => {
    const parts = world();
    await park(parts, ACCOUNT, body(1));
    parts.node.doors.beginHandOff(shardOf(ACCOUNT, LIMITS.shardCount));
    await parts.node.region.takeUpParked();
    await turns(parts.clock, 20);
    expect(parts.stores.parkedRows).toHaveLength(1);
    expect(parts.node.region.activeCount).toBe(0);
  });

  it('are found by an account that is at work already, before what is newer', async () => {
    const parts = world();
    deliver(parts, 1);
    await turns(parts.clock);
    await park(parts, ACCOUNT, body(2), body(3));
    parts.ledger.gate.close();
    await parts.node.region.takeUpParked();
    deliver(parts, 4);
    await turns(parts.clock);
    parts.ledger.gate.open();
    await turns(parts.clock, 30);
    expect(keysOf(parts)).toEqual(['key-1', 'key-2', 'key-3', 'key-4']);
  });

  it('of an account that does not exist are given up: they would be looked for for ever', async () => {
    const parts = world();
    await park(parts, accountIdOf(9), body(1, accountIdOf(9)), body(2, accountIdOf(9)));
    await parts.node.region.takeUpParked();
    await turns(parts.clock, 30);
    expect(parts.stores.letters.map(({ code }) => code)).toEqual(['ACCOUNT_UNKNOWN', 'ACCOUNT_UNKNOWN']);
    expect([parts.stores.parkedRows.length, parts.node.inFlight.count]).toEqual([0, 0]);
  });

  it('are looked for again and again while the region sweeps', async () => {
    const parts = world();
    parts.node.region.startSweeping();
    await park(parts, ACCOUNT, body(1));
    parts.clock.advance(LIMITS.passivationSweepMs);
    await turns(parts.clock, 20);
    expect(keysOf(parts)).toEqual(['key-1']);
  });
});

describe('orders', () => {
  it('given while a quarantine is being written is decided after it', async () => {
    const parts = world();
    deliver(parts, 1);
    await turns(parts.clock);
    parts.quarantines.gate.close();
    parts.node.region.quarantine(ACCOUNT, 'a test');
    const freeze = give(parts, 1, { kind: 'freeze' });
    await turns(parts.clock);
    expect(freeze.settlement).toBeNull();
    parts.quarantines.gate.open();
    await turns(parts.clock, 30);
    expect(freeze.settlement).toMatchObject({ kind: 'operated', result: { kind: 'refused' } });
    expect(parts.ledger.accounts.get(ACCOUNT)?.status).toBe('quarantined');
  });

  it('judged before a quarantine began is held, and judged again', async () => {
    const parts = world();
    parts.quarantines.gate.close();
    const freeze = give(parts, 1, { kind: 'freeze' });
    parts.node.region.quarantine(ACCOUNT, 'a test');
    await turns(parts.clock);
    expect(parts.operatorLedger.tried).toEqual([]);
    parts.quarantines.gate.open();
    await turns(parts.clock, 30);
    expect(freeze.settlement).toMatchObject({ kind: 'operated', result: { kind: 'refused' } });
  });

  it('release: parked while it was quarantined, decided before what came after the order', async () => {
    const parts = world();
    parts.node.region.quarantine(ACCOUNT, 'a test');
    await turns(parts.clock, 20);
    const before = [deliver(parts, 1), deliver(parts, 2)];
    parts.stores.gate.close();
    await turns(parts.clock);
    // They are on their way into the ledger; the release must not overtake them.
    const release = give(parts, 1, { kind: 'release' });
    const after = deliver(parts, 3);
    await turns(parts.clock, 20);
    expect(release.settlement).toMatchObject({ result: { kind: 'done', status: 'active' } });
    expect(keysOf(parts)).toEqual([]);
    parts.stores.gate.open();
    await turns(parts.clock, 40);
    expect(keysOf(parts)).toEqual(['key-1', 'key-2', 'key-3']);
    expect([...before, after].map(({ acks }) => acks)).toEqual([1, 1, 1]);
    expect(parts.stores.parkedRows).toEqual([]);
    expect(parts.node.inFlight.count).toBe(0);
  });

  it('fenced: the shard is lost and the order goes back', async () => {
    const parts = world();
    const shard = shardOf(ACCOUNT, LIMITS.shardCount);
    parts.ledger.epochs.set(shard, 2n);
    const freeze = give(parts, 1, { kind: 'freeze' });
    await turns(parts.clock, 20);
    expect(freeze.settlement).toBeNull();
    expect(parts.fenced).toEqual([shard]);
  });
});
