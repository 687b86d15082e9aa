import { LIMITS } from '../../src/limits.ts';
import { supervise } from '../../src/node/supervision.ts';
import type { Ports, Supervision } from '../../src/node/supervision.ts';
import type { Clock, Logger, Metrics } from '../../src/ports/runtime.ts';

const nothing = (): void => undefined;
const later = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

const complain: Logger['error'] = (fields, message) =>
  process.stderr.write(`${message} ${JSON.stringify(fields)}\n`);
const logger: Logger = {
  error: complain,
  warn: complain,
  info: nothing,
  debug: nothing,
  isLevelEnabled: () => false,
  child: () => logger,
};

const absent = (what: string): (() => Promise<never>) => {
  return () => Promise.reject(new Error(`no ${what} here`));
};

function ports(clock: Clock): Ports {
  let outboxId = 0n;
  const committed = { kind: 'committed' } as const;
  const ledger: Ports['ledgers'][number] = {
    commit: async (changes) => {
      await later();
      outboxId += 1n;
      return {
        verdicts: changes.map(() => committed),
        outboxId,
        cardTotals: [],
        decidedAt: '2026-11-22T10:40:01.000000Z',
      };
    },
  };
  return {
    nodeId: 'own',
    incarnation: 'own',
    inbox: { name: 'inbox.own', send: () => 'open', flow: () => 'open' },
    directory: { read: () => Promise.resolve([]), paused: () => Promise.resolve(null) },
    ledgers: [ledger, ledger],
    rules: { newerThan: () => Promise.resolve(null) },
    operatorLedger: { apply: absent('orders') },
    reader: {
      account: async (accountId) => {
        await later();
        return {
          accountId,
          balanceCents: 0n,
          seq: 0n,
          status: 'active',
          overdraftCents: 0n,
          hasParked: false,
          lastEventMs: -Infinity,
        };
      },
      history: absent('rules'),
      cardOwner: () => Promise.resolve(null),
      original: absent('refunds'),
      cardTotal: (cardId) => Promise.resolve({ cardId, totalCents: 0n, seq: 0n }),
      journalCheck: () => Promise.resolve(null),
      stored: () => Promise.resolve(null),
    },
    deadLetters: { record: absent('dead letters') },
    retries: {
      schedule: absent('deferrals'),
      remove: () => Promise.resolve(),
      find: () => Promise.resolve(null),
      due: () => Promise.resolve([]),
    },
    parked: {
      park: absent('parking'),
      parkUnowned: absent('parking'),
      oldest: () => Promise.resolve([]),
      unpark: absent('parking'),
      accountsToTakeUp: () => Promise.resolve([]),
    },
    quarantines: { setAside: absent('quarantines') },
    outbox: { takeOver: () => Promise.resolve(0), events: absent('events of a row'), remove: later },
    announcements: { announce: absent('announcements'), onAnnounced: nothing },
    webhooks: null,
    eventPublisher: { state: () => 'up', publish: later },
    publisher: { publish: () => Promise.resolve() },
    cache: { generation: () => 'g', write: later },
    retryClock: {
      start: () => Promise.resolve(),
      arm: () => Promise.resolve(),
      stop: () => Promise.resolve(),
    },
    clock,
    random: { next: () => Math.random() },
    metrics: new Proxy({}, { get: () => nothing }) as Metrics,
    logger,
  };
}

/**
 * All parts of a node, on servers that remember nothing, so that whatever grows is the node. Reads and commits take a turn of
 * the event loop, as the shortest round trip would.
 */
export function forgetfulNode(clock: Clock, activeAccountsMax: number): Supervision {
  const settings = { retryAttempts: 3, retryDelayMs: 1_000, refundWaitMs: 900_000 } as const;
  const node = supervise(
    ports(clock),
    {
      ...settings,
      intakeWindowMax: 4_000,
      refundAmount: 'message',
      activeAccountsMax,
      accountIdleMs: 60_000,
    },
    {
      onFenced: nothing,
      onOverflow: nothing,
      onDrain: nothing,
      onLogLevel: nothing,
      isConnected: () => true,
    },
  );
  node.shards.own(new Map(Array.from({ length: LIMITS.shardCount }, (_, shard) => [shard, 1n])));
  return node;
}

const IN_FLIGHT_MAX = 2_000;
const NULL_STRING = { String: '', Valid: false };

/** The only message of the `n`th account, as the Go API would send it. */
function deposit(n: number): Buffer {
  const digits = n.toString(16).padStart(8, '0');
  const accountId = `${digits}-0000-4000-8000-000000000001`;
  return Buffer.from(
    JSON.stringify({
      id: `${digits}-0000-4000-8000-000000000002`,
      account_id: accountId,
      card_id: NULL_STRING,
      refund_transaction_id: NULL_STRING,
      amount_cents: 10_000,
      status: 'PENDING',
      type: 'DEPOSIT',
      idempotency_key: `2026-11-22-10:40:00.000:${accountId}:DEPOSIT:10000`,
      created_at: '2026-11-22T10:40:00.123456Z',
    }),
  );
}

/** One deposit into each of the accounts from `first` to before `end`; resolves when all are settled. */
export async function touchAccounts(node: Supervision, first: number, end: number): Promise<void> {
  for (let n = first; n < end; n += 1) {
    const rest = { queue: 'transactions_queue', redelivered: false, headers: {}, ack: nothing } as const;
    node.ingest.onDelivery({ ...rest, body: deposit(n) });
    while (node.inFlight.count >= IN_FLIGHT_MAX) await later();
  }
  await node.inFlight.empty();
  await node.outbox.drain();
}
