/**
 * The keepers one by one, each on a situation made by hand. Without these: a shard that was given away or lost is taken
 * back on the strength of a look that is older than that, or two nodes read one queue.
 */
import { beforeEach, describe, expect, it } from 'vitest';
import { INBOUND_QUEUES } from '../../../src/contracts/queues.ts';
import { LIMITS } from '../../../src/limits.ts';
import type { ShardRow } from '../../../src/ports/cluster.ts';
import { IngestKeeper } from '../../../src/supervisor/cluster/ingest-keeper.ts';
import type { Situation } from '../../../src/supervisor/cluster/peers.ts';
import { ShardKeeper } from '../../../src/supervisor/cluster/shard-keeper.ts';
import { ShardTable } from '../../../src/supervisor/shard-table.ts';
import { FakeClock } from '../../support/fakes/fake-clock.ts';
import { FakeDirectory, FakeShardRows } from '../../support/fakes/fake-directory.ts';
import { FakeMembership, FakeRedis } from '../../support/fakes/fake-membership.ts';
import { QuietLogger } from '../../support/fakes/quiet.ts';

const SELF = { nodeId: 'a', incarnation: 'a#1', inbox: 'inbox.a', startedAtMs: 0 };
/** Longer than any answer of the fakes takes. */
const A_WHILE_MS = 100;

let clock: FakeClock;
let redis: FakeRedis;
let membership: FakeMembership;

beforeEach(() => {
  clock = new FakeClock();
  redis = new FakeRedis(clock);
  membership = new FakeMembership({ redis, self: SELF, clock });
});

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Until nothing is under way any more. */
async function settle(): Promise<void> {
  for (let round = 0; round < 10; round += 1) {
    clock.advance(A_WHILE_MS);
    await turn();
  }
}

/** This node is alone, so that everything belongs to it. */
function situation(fields: Partial<Situation> = {}): Situation {
  return {
    trust: 'settled',
    nodeId: SELF.nodeId,
    draining: false,
    places: [SELF.nodeId],
    othersAtWork: 'nobody',
    intake: 'open',
    standingOf: (incarnation) => (incarnation === SELF.incarnation ? 'self' : 'gone'),
    ...fields,
  };
}

/** The directory as it was read: by hand, as often and as late as the test likes. */
class HandWatch {
  rows: readonly ShardRow[] = [];
  readNumber = 0;
  readonly #table: FakeShardRows;

  constructor(table: FakeShardRows) {
    this.#table = table;
  }

  get nextRead(): number {
    return this.readNumber + 1;
  }

  read(): void {
    this.rows = [...this.#table.rows];
    this.readNumber += 1;
  }
}

describe('what the directory said before a shard changed is not news', () => {
  let table: FakeShardRows;
  let watch: HandWatch;
  let keeper: ShardKeeper;

  beforeEach(async () => {
    table = new FakeShardRows();
    watch = new HandWatch(table);
    keeper = new ShardKeeper({
      membership,
      directory: new FakeDirectory(table, SELF, clock),
      watch,
      shards: new ShardTable(),
      callbacks: {
        owned: () => undefined,
        lost: () => undefined,
        beginHandOff: () => undefined,
        left: () => undefined,
        finished: () => Promise.resolve(),
      },
      logger: new QuietLogger(),
      onSettled: () => undefined,
      onReleased: () => undefined,
    });
    watch.read();
    keeper.act(situation({ trust: 'young' }), 'take');
    await settle();
    watch.read();
    expect(keeper.counts().owned).toBe(LIMITS.shardCount);
  });

  it('when it was given away: the row that still names us does not make us take it back', async () => {
    keeper.act(situation({ draining: true }), 'take-and-hand-off-all');
    await settle();
    expect(keeper.counts().unowned).toBe(LIMITS.shardCount);
    expect(watch.rows[0]?.owner?.incarnation).toBe(SELF.incarnation);
    keeper.act(situation({ trust: 'young' }), 'take');
    expect(keeper.counts().acquiring).toBe(0);
    watch.read();
    keeper.act(situation({ trust: 'young' }), 'take');
    expect(keeper.counts().acquiring).toBe(LIMITS.shardCount);
  });

  it('when a commit was refused: it stays lost until the directory was read again', () => {
    const rival = { nodeId: 'b', incarnation: 'b#1', inbox: 'inbox.b' };
    table.take(7, 1n, rival);
    keeper.fenced(7, 1n);
    keeper.reconcile();
    expect(keeper.stateOf(7)).toBe('lost');
    watch.read();
    keeper.reconcile();
    expect(keeper.stateOf(7)).toBe('unowned');
  });
});

describe('an intake', () => {
  let read: Set<string>;
  let keeper: IngestKeeper;

  beforeEach(() => {
    read = new Set();
    keeper = new IngestKeeper({
      membership,
      callbacks: {
        openIntake: (queue) => void read.add(queue),
        closeIntake: (queue) => Promise.resolve(void read.delete(queue)),
      },
      logger: new QuietLogger(),
      onSettled: () => undefined,
      onReleased: () => undefined,
    });
  });

  it('that was opened while Redis was away is closed where somebody else has the lease when it is back', async () => {
    keeper.act(situation({ trust: 'unknown' }));
    expect(read).toEqual(new Set(INBOUND_QUEUES));
    redis.set('ingest:transactions_queue', 'b#1');
    keeper.act(situation());
    await settle();
    expect(read).toEqual(new Set(INBOUND_QUEUES.filter((queue) => queue !== 'transactions_queue')));
    expect(redis.holderOf('ingest:transactions_queue')).toBe('b#1');
  });

  it('is opened again while the boot is young by the node that had it, unless somebody else has it since', async () => {
    keeper.act(situation({ trust: 'young', othersAtWork: 'nobody' }));
    await settle();
    expect(read).toEqual(new Set(INBOUND_QUEUES));
    // An outage for all nodes: nobody ticks until every lease has run out, and one of the others is the first to be back.
    keeper.shut();
    await settle();
    redis.set('ingest:refund_queue', 'b#1');
    keeper.act(situation({ trust: 'young', othersAtWork: 'somebody' }));
    await settle();
    expect(read).toEqual(new Set(INBOUND_QUEUES.filter((queue) => queue !== 'refund_queue')));
    // The other one goes, and the boot is young again: it was the last one to read it.
    redis.leases.delete('ingest:refund_queue');
    keeper.act(situation({ trust: 'young', othersAtWork: 'somebody' }));
    await settle();
    expect(read).not.toContain('refund_queue');
  });

  it('is not opened while the boot is young, unless nobody is at work whose lease may have been lost', async () => {
    keeper.act(situation({ trust: 'young', othersAtWork: 'somebody' }));
    await settle();
    expect(read).toEqual(new Set());
    keeper.act(situation({ trust: 'young', othersAtWork: 'nobody' }));
    await settle();
    expect(read).toEqual(new Set(INBOUND_QUEUES));
  });
});
