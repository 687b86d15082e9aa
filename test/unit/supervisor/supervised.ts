import { LIMITS } from '../../../src/limits.ts';
import { supervise } from '../../../src/node/supervision.ts';
import type { Supervision } from '../../../src/node/supervision.ts';
import { FakeClock, SeededRandom } from '../../support/fakes/fake-clock.ts';
import { FakeLedger } from '../../support/fakes/fake-ledger.ts';
import { FakeOperatorLedger } from '../../support/fakes/fake-operator-ledger.ts';
import { FakeReader } from '../../support/fakes/fake-reader.ts';
import { CountingMetrics, QuietLogger } from '../../support/fakes/quiet.ts';
import {
  FakeAnnouncements,
  FakeCache,
  FakeEventPublisher,
  FakeOutbox,
  FakePublisher,
  FakeQuarantines,
  FakeRetryClock,
  FakeRules,
  FakeStores,
} from './fake-stores.ts';

export const SHARDS_ALL: ReadonlyMap<number, bigint> = new Map(
  Array.from({ length: LIMITS.shardCount }, (_, shard) => [shard, 1n]),
);

export const ACTIVE_ACCOUNTS_MAX = 1_000;

export type Supervised = ReturnType<typeof supervised>;

/** All parts of a node on fakes of its ports. */
export function supervised() {
  const clock = new FakeClock();
  const ledger = new FakeLedger({ clock });
  const operatorLedger = new FakeOperatorLedger(ledger);
  const reader = new FakeReader(ledger);
  const stores = new FakeStores();
  reader.hasParked = (accountId) => stores.parkedRows.some((row) => row.accountId === accountId);
  const { log } = stores;
  const publisher = new FakePublisher(log);
  const retryClock = new FakeRetryClock(log);
  const cache = new FakeCache();
  const outbox = new FakeOutbox();
  const announcements = new FakeAnnouncements(log);
  const eventPublisher = new FakeEventPublisher();
  const quarantines = new FakeQuarantines(ledger, log);
  const rules = new FakeRules();
  const metrics = new CountingMetrics();
  const logger = new QuietLogger();
  const fenced: number[] = [];
  const overflowed: string[] = [];
  const node: Supervision = supervise(
    {
      nodeId: 'own',
      incarnation: 'own',
      inbox: { name: 'inbox.own', send: () => 'open', flow: () => 'open' },
      directory: { read: () => Promise.resolve([]), paused: () => Promise.resolve(null) },
      ledgers: [ledger],
      operatorLedger,
      reader,
      deadLetters: stores,
      retries: stores,
      parked: stores,
      quarantines,
      outbox,
      announcements,
      webhooks: null,
      eventPublisher,
      rules,
      publisher,
      cache,
      retryClock,
      clock,
      random: new SeededRandom(1),
      metrics,
      logger,
    },
    {
      intakeWindowMax: 1_000,
      retryAttempts: 3,
      retryDelayMs: 1_000,
      refundWaitMs: 900_000,
      refundAmount: 'message',
      activeAccountsMax: ACTIVE_ACCOUNTS_MAX,
      accountIdleMs: 60_000,
    },
    {
      onFenced: (shard, epoch) => {
        if (node.shards.epochOf(shard) !== epoch) return;
        fenced.push(shard);
        node.shards.lose(shard);
        node.doors.lost(shard);
      },
      onOverflow: (queue) => void overflowed.push(queue),
      onDrain: () => undefined,
      onLogLevel: () => undefined,
      isConnected: () => true,
    },
  );
  return {
    clock,
    ledger,
    operatorLedger,
    stores,
    log,
    publisher,
    retryClock,
    cache,
    outbox,
    announcements,
    eventPublisher,
    quarantines,
    rules,
    metrics,
    logger,
    fenced,
    overflowed,
    node,
  };
}
