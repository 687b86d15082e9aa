import type { CachedBalance, BalanceCache } from '../../../src/ports/balance-cache.ts';
import { GenerationChanged } from '../../../src/ports/balance-cache.ts';
import { eventSchema } from '../../../src/contracts/events.ts';
import type { PaygateEvent } from '../../../src/contracts/events.ts';
import type { Announcement } from '../../../src/domain/announcement.ts';
import type { WrittenEvent } from '../../../src/contracts/events.ts';
import type { EventPublisher, OutboundMessage, Publisher } from '../../../src/ports/broker.ts';
import type {
  AnnouncementStore,
  DeadLetter,
  DeadLetterStore,
  OutboxEvents,
  OutboxStore,
  OutboxTaking,
  OutboxTask,
  OwnedParked,
  Parked,
  ParkedRow,
  ParkingEnd,
  ParkStore,
  Quarantine,
  QuarantineStore,
  Retry,
  RetryClock,
  RetryStore,
  RuleStore,
  StoredRuleSet,
  UnownedParking,
} from '../../../src/ports/stores.ts';
import { isMovedOn } from '../../../src/domain/retry-policy.ts';
import { shardOf } from '../../../src/domain/shard.ts';
import { LIMITS } from '../../../src/limits.ts';
import type { FakeLedger } from '../../support/fakes/fake-ledger.ts';
import { Gate } from '../../support/fakes/gate.ts';

/** The stores in memory. Each call waits at `gate`, then notes itself in `log`, then answers; `failures` makes the next calls fail. */
export class FakeStores implements DeadLetterStore, RetryStore, ParkStore {
  readonly log: string[] = [];
  readonly gate = new Gate();
  failures = 0;
  #nextN = 1n;
  readonly letters: DeadLetter[] = [];
  readonly retries = new Map<string, Retry>();
  readonly parkedCommands: Parked[] = [];
  /** As they are now; `parkedCommands` keeps all that ever were. */
  readonly parkedRows: ParkedRow[] = [];
  /** Accounts whose parked commands are not to be taken up. */
  readonly setAside = new Set<string>();
  /** The epoch that holds for parking; unless a test says otherwise whoever parks has the right one. */
  epochOf: (shard: number, given: bigint) => bigint = (_, given) => given;
  readonly scheduleCalls: (readonly Retry[])[] = [];

  async record(letters: readonly DeadLetter[]): Promise<readonly bigint[]> {
    await this.#pass(`record ${letters.length}`);
    return letters.map((letter) => BigInt(this.letters.push(letter)));
  }

  async schedule(retries: readonly Retry[]): Promise<readonly (Retry | null)[]> {
    this.scheduleCalls.push(retries);
    await this.#pass(`schedule ${retries.length}`);
    return retries.map((retry) => {
      const waiting = this.retries.get(retry.transactionId);
      if (waiting !== undefined && !waiting.body.equals(retry.body)) return waiting;
      if (waiting === undefined || isMovedOn(retry, waiting)) this.retries.set(retry.transactionId, retry);
      return null;
    });
  }

  async remove(retries: readonly Pick<Retry, 'transactionId' | 'body'>[]): Promise<void> {
    await this.#pass(`remove ${retries.length}`);
    for (const { transactionId, body } of retries)
      if (this.retries.get(transactionId)?.body.equals(body) === true) this.retries.delete(transactionId);
  }

  async find(transactionId: string): Promise<Retry | null> {
    await this.#pass('find');
    return this.retries.get(transactionId) ?? null;
  }

  async due(nowMs: number, shards: readonly number[], limit: number): Promise<readonly Retry[]> {
    await this.gate.pass();
    const due = [...this.retries.values()].filter(
      ({ dueAtMs, accountId }) => dueAtMs < nowMs && shards.includes(shardOf(accountId, LIMITS.shardCount)),
    );
    return due.sort((a, b) => a.dueAtMs - b.dueAtMs).slice(0, limit);
  }

  async park(commands: readonly OwnedParked[]): Promise<readonly ParkingEnd[]> {
    await this.#pass(`park ${commands.length}`);
    const isFenced = ({ shard, epoch }: OwnedParked): boolean => this.epochOf(shard, epoch) !== epoch;
    for (const { accountId, queue, body } of commands.filter((command) => !isFenced(command))) {
      this.parkedRows.push({ accountId, n: this.#nextN, queue, body, sinceMs: 1_800_000_000_000 });
      this.#nextN += 1n;
    }
    this.parkedCommands.push(...commands.filter((command) => !isFenced(command)));
    return commands.map((command) => (isFenced(command) ? 'fenced' : 'parked'));
  }

  parkUnowned(): Promise<UnownedParking> {
    return Promise.reject(new Error('nobody parks without owner here'));
  }

  async oldest(accountId: string, except: readonly bigint[], limit: number): Promise<readonly ParkedRow[]> {
    await this.#pass(`oldest ${limit}`);
    const rows = this.parkedRows.filter((row) => row.accountId === accountId && !except.includes(row.n));
    return rows.slice(0, limit);
  }

  async unpark(rows: readonly Pick<ParkedRow, 'accountId' | 'n'>[]): Promise<void> {
    await this.#pass(`unpark ${rows.length}`);
    for (const { n } of rows) {
      const index = this.parkedRows.findIndex((row) => row.n === n);
      if (index >= 0) this.parkedRows.splice(index, 1);
    }
  }

  accountsToTakeUp(after: string | null, limit: number): Promise<readonly string[]> {
    const ids = new Set(this.parkedRows.map(({ accountId }) => accountId));
    const waiting = [...ids].filter((id) => !this.setAside.has(id) && (after === null || id > after));
    return Promise.resolve(waiting.sort().slice(0, limit));
  }

  async #pass(what: string): Promise<void> {
    await this.gate.pass();
    if (this.failures > 0) {
      this.failures -= 1;
      throw new Error('the store is away');
    }
    this.log.push(what);
  }
}

/** Quarantines in a `FakeLedger`, fenced as its commits are. Each call waits at `gate`; `failures` makes the next ones fail. */
export class FakeQuarantines implements QuarantineStore {
  readonly gate = new Gate();
  readonly written: Quarantine[] = [];
  failures = 0;
  readonly #ledger: FakeLedger;
  readonly #log: string[];

  constructor(ledger: FakeLedger, log: string[] = []) {
    this.#ledger = ledger;
    this.#log = log;
  }

  async setAside(quarantine: Quarantine): Promise<'quarantined' | 'fenced'> {
    await this.gate.pass();
    if (this.failures > 0) {
      this.failures -= 1;
      throw new Error('the store is away');
    }
    const { accountId, shard, epoch } = quarantine;
    if (this.#ledger.epochOf(shard) !== epoch) return 'fenced';
    this.#log.push('set aside');
    this.written.push(quarantine);
    this.#ledger.addAccount(accountId, { ...this.#ledger.accounts.get(accountId), status: 'quarantined' });
    return 'quarantined';
  }
}

export class FakePublisher implements Publisher {
  readonly published: OutboundMessage[] = [];
  failures = 0;
  readonly #log: string[];

  constructor(log: string[]) {
    this.#log = log;
  }

  publish(message: OutboundMessage): Promise<void> {
    if (this.failures > 0) {
      this.failures -= 1;
      return Promise.reject(new Error('the broker is away'));
    }
    this.#log.push('publish');
    this.published.push(message);
    return Promise.resolve();
  }
}

export class FakeRetryClock implements RetryClock {
  readonly armed: { readonly transactionId: string; readonly attempt: number; readonly delayMs: number }[] =
    [];
  readonly #log: string[];
  #onDue: (transactionId: string, attempt: number) => Promise<void> = () => Promise.resolve();

  constructor(log: string[]) {
    this.#log = log;
  }

  start(onDue: (transactionId: string, attempt: number) => Promise<void>): Promise<void> {
    this.#onDue = onDue;
    return Promise.resolve();
  }

  arm(transactionId: string, attempt: number, delayMs: number): Promise<void> {
    this.#log.push('arm');
    this.armed.push({ transactionId, attempt, delayMs });
    return Promise.resolve();
  }

  ring(transactionId: string, attempt: number): Promise<void> {
    return this.#onDue(transactionId, attempt);
  }

  stop(): Promise<void> {
    return Promise.resolve();
  }
}

/** The cache of the Go API, with its versions; `flush` loses everything, `away` answers nothing. */
export class FakeCache implements BalanceCache {
  readonly contents = new Map<string, CachedBalance>();
  readonly writes: (readonly CachedBalance[])[] = [];
  readonly gate = new Gate();
  away = false;
  #generation = 1;

  generation(): string | null {
    return this.away ? null : `g${this.#generation}`;
  }

  async write(balances: readonly CachedBalance[], generation: string | null): Promise<void> {
    if (this.away) throw new Error('Redis does not answer');
    if (generation !== this.generation()) throw new GenerationChanged('not written');
    this.writes.push(balances);
    await this.gate.pass();
    for (const balance of balances) {
      const key = `${balance.kind} ${balance.id}`;
      if ((this.contents.get(key)?.version ?? -1n) <= balance.version) this.contents.set(key, balance);
    }
  }

  flush(): void {
    this.contents.clear();
    this.#generation += 1;
  }

  shown(accountId: string): bigint | undefined {
    return this.contents.get(`account ${accountId}`)?.cents;
  }
}

export class FakeOutbox implements OutboxStore {
  readonly removed: bigint[][] = [];
  /** Rows of a dead incarnation, or of ours. */
  left: OutboxTask[] = [];
  /** What rows say is to be told; most say nothing. */
  readonly said = new Map<bigint, OutboxEvents>();
  readonly read: (readonly bigint[])[] = [];
  failures = 0;

  async takeOver(
    { limit, known, able }: OutboxTaking,
    work: (tasks: readonly OutboxTask[], behind: readonly CachedBalance[]) => Promise<void>,
  ): Promise<number> {
    const isAble = ({ due }: OutboxTask): boolean => able === 'all' || due === 'all' || due === able;
    const free = this.left.filter(({ outboxId }) => !known.includes(outboxId));
    const doable = free.filter(isAble);
    const tasks = doable.slice(0, limit);
    if (tasks.length === 0) return 0;
    await work(
      tasks,
      doable.slice(limit).flatMap(({ balances }) => balances),
    );
    const rest = able === 'balances' ? 'events' : 'balances';
    this.left = this.left.flatMap((task) => {
      if (!tasks.includes(task)) return [task];
      return able === 'all' || task.due === able ? [] : [{ ...task, due: rest }];
    });
    return tasks.length;
  }

  events(outboxIds: readonly bigint[]): Promise<readonly OutboxEvents[]> {
    if (this.failures > 0) {
      this.failures -= 1;
      return Promise.reject(new Error('the store is away'));
    }
    this.read.push(outboxIds);
    return Promise.resolve(outboxIds.map((id) => this.said.get(id) ?? { accounts: [], events: [] }));
  }

  remove(outboxIds: readonly bigint[]): Promise<void> {
    this.removed.push([...outboxIds]);
    return Promise.resolve();
  }
}

/** Keeps announcements, each batch as one row; tells whoever listens. */
export class FakeAnnouncements implements AnnouncementStore {
  readonly announced: Announcement[] = [];
  readonly #log: string[];
  readonly #listeners: ((outboxId: bigint) => void)[] = [];
  failures = 0;

  constructor(log: string[] = []) {
    this.#log = log;
  }

  announce(announcements: readonly Announcement[]): Promise<void> {
    if (this.failures > 0) {
      this.failures -= 1;
      return Promise.reject(new Error('the store is away'));
    }
    this.#log.push(`announce ${announcements.length}`);
    this.announced.push(...announcements);
    this.#listeners.forEach((listener) => listener(10_000n + BigInt(this.announced.length)));
    return Promise.resolve();
  }

  onAnnounced(listener: (outboxId: bigint) => void): void {
    this.#listeners.push(listener);
  }
}

/** A broker for events: takes them, or refuses while it is away. */
export class FakeEventPublisher implements EventPublisher {
  /** Every batch that was taken. */
  readonly batches: (readonly WrittenEvent[])[] = [];
  /** Confirms wait here. */
  readonly gate = new Gate();
  /** `lossy`: it takes them and does not confirm. */
  broker: 'up' | 'away' | 'lossy' = 'up';
  tries = 0;

  get ids(): readonly string[] {
    return this.batches.flat().map(({ id }) => id);
  }

  get bodies(): readonly PaygateEvent[] {
    return this.batches.flat().map(({ json }) => eventSchema.parse(JSON.parse(json)));
  }

  state(): 'up' | 'down' {
    return this.broker === 'away' ? 'down' : 'up';
  }

  async publish(events: readonly WrittenEvent[]): Promise<void> {
    this.tries += 1;
    if (this.broker === 'away') throw new Error('the broker is away');
    this.batches.push(events);
    await this.gate.pass();
    if (this.broker !== 'up') throw new Error('the broker did not confirm');
  }
}

/** The rule sets that were applied, oldest first: version 1 is the first. */
export class FakeRules implements RuleStore {
  readonly documents: unknown[] = [];

  newerThan(version: number): Promise<StoredRuleSet | null> {
    const newest = this.documents.length;
    return Promise.resolve(
      newest > version ? { version: newest, document: this.documents[newest - 1] } : null,
    );
  }
}
