/**
 * CPU per command of statechart, actor and lane, with a ledger that answers at once and at most `WINDOW` in flight.
 *
 * Many accounts with one command each share nothing: two events per command, and actors that have left the processor's
 * cache by the time their verdict comes. A chart of two states with empty actions costs some 15 µs in that pattern.
 *
 *   node --import ./test/support/typescript-loader.mjs bench/actors.ts
 */
import { AccountActor } from '../src/actors/account-actor.ts';
import type { AccountParent } from '../src/actors/account-actor.ts';
import { CommitLane } from '../src/actors/commit-lane.ts';
import type { Envelope } from '../src/machines/envelope.ts';
import type { Logger, Metrics } from '../src/ports/runtime.ts';
import type { AccountReader, Ledger } from '../src/ports/ledger.ts';
import type { TransactionCommand } from '../src/contracts/command.ts';

const nothing = (): void => undefined;
const logger: Logger = {
  error: (fields, message) => process.stderr.write(`${message} ${String(fields['err'])}\n`),
  warn: nothing,
  info: nothing,
  debug: nothing,
  isLevelEnabled: () => false,
  child: () => logger,
};
const metrics = new Proxy({}, { get: () => nothing }) as Metrics;
const clock = {
  now: () => Date.now(),
  after: (delayMs: number, callback: () => void) => {
    const timer = setTimeout(callback, delayMs);
    return () => clearTimeout(timer);
  },
  soon: (callback: () => void) => void setImmediate(callback),
};
const random = { next: () => Math.random() };
const committed = { kind: 'committed' } as const;
const ledger: Ledger = {
  commit: (changes) =>
    Promise.resolve({
      verdicts: changes.map(() => committed),
      outboxId: 1n,
      cardTotals: [],
      decidedAt: null,
    }),
};
const reader: AccountReader = {
  account: (accountId) =>
    Promise.resolve({
      accountId,
      balanceCents: 0n,
      seq: 0n,
      status: 'active',
      overdraftCents: 0n,
      hasParked: false,
      lastEventMs: -Infinity,
    }),
  history: () => Promise.resolve({ approved: [], rejected: [] }),
  cardOwner: () => Promise.resolve(null),
  original: () => Promise.reject(new Error('no refunds here')),
  cardTotal: (cardId) => Promise.resolve({ cardId, totalCents: 0n, seq: 0n }),
  journalCheck: () => Promise.resolve(null),
  stored: () => Promise.resolve(null),
};

/** Commands in flight, as an intake window allows them. */
const WINDOW = 2_000;

let settledCount = 0;

class BenchEnvelope implements Envelope {
  readonly command: TransactionCommand;
  readonly road = 'delivery';
  readonly shard = 0;
  readonly attempt = 0;
  readonly mayDecideError = false;
  readonly receivedAtMs = 0;
  readonly firstSeenAtMs = 0;

  constructor(command: TransactionCommand) {
    this.command = command;
  }

  settle(): void {
    settledCount += 1;
  }

  giveBack(): void {
    throw new Error('given back');
  }
}

function envelope(accountId: string, transactionId: string): BenchEnvelope {
  return new BenchEnvelope({
    kind: 'transaction',
    shape: 'live',
    transactionId,
    accountId,
    type: 'DEPOSIT',
    amountCents: 100n,
    cardId: null,
    originalId: null,
    idempotencyKey: `key ${transactionId}`,
    occurredAt: '2026-11-22T10:40:00Z',
  });
}

const untilSettled = async (count: number): Promise<void> => {
  while (settledCount < count) await new Promise<void>((resolve) => setImmediate(resolve));
};

const cpuMicroseconds = (): number => {
  const { user, system } = process.cpuUsage();
  return user + system;
};

async function measure(accountCount: number, perAccount: number, rounds: number): Promise<void> {
  const onCommitted = nothing;
  const lane = new CommitLane({ ledger, clock, random, metrics, logger, onCommitted });
  const parent: AccountParent = {
    commit: (_actor, change, done) => lane.submit(change, done),
    order: nothing,
    answerBalance: nothing,
    stopped: (_actor, reason, _unanswered, cause) => process.stderr.write(`${reason} ${String(cause)}\n`),
  };
  const rules = { refundAmount: 'message', refundWaitMs: 900_000 } as const;
  const parked = { whenParked: () => null, take: () => Promise.resolve([]) };
  const surroundings = { reader, parked, parent, clock, random, logger, rules, ruleSet: () => null };
  const ids = Array.from({ length: accountCount }, (_, n) => `account ${n}`);
  globalThis.gc?.();
  const heapBefore = process.memoryUsage().heapUsed;
  const startedUs = cpuMicroseconds();
  const actors = new Map(
    ids.map((accountId) => [accountId, new AccountActor({ accountId, shard: 0, epoch: 1n }, surroundings)]),
  );
  await new Promise<void>((resolve) => setImmediate(resolve));
  const perActorUs = (cpuMicroseconds() - startedUs) / accountCount;
  globalThis.gc?.();
  const perActorBytes = (process.memoryUsage().heapUsed - heapBefore) / accountCount;
  const costs: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    let roundUs = 0;
    const order = ids.flatMap((accountId) => Array.from({ length: perAccount }, () => accountId));
    for (let from = 0; from < order.length; from += WINDOW) {
      const wave = order.slice(from, from + WINDOW).map((id, n) => envelope(id, `${round}-${from + n}`));
      const goal = settledCount + wave.length;
      const waveUs = cpuMicroseconds();
      for (const one of wave) actors.get(one.command.accountId)?.accept(one);
      await untilSettled(goal);
      roundUs += cpuMicroseconds() - waveUs;
    }
    costs.push(roundUs / order.length);
  }
  const sorted = [...costs].sort((a, b) => a - b);
  const median = sorted[sorted.length >> 1] ?? 0;
  process.stdout.write(
    `${accountCount} accounts x ${perAccount}: ${median.toFixed(1)} us CPU per command ` +
      `(best ${(sorted[0] ?? 0).toFixed(1)}), new actor ${perActorUs.toFixed(1)} us, ${perActorBytes.toFixed(0)} bytes\n`,
  );
}

await measure(10_000, 1, 15);
await measure(200, 1, 200);
await measure(100, 100, 15);
await measure(1, 4_000, 15);
await measure(10_000, 1, 15);
