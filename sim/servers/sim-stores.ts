import { decodeMessage } from '../../src/contracts/decode.ts';
import { shardOf } from '../../src/domain/shard.ts';
import { LIMITS } from '../../src/limits.ts';
import type { CachedBalance } from '../../src/ports/balance-cache.ts';
import type {
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
  RetryStore,
  UnownedParking,
} from '../../src/ports/stores.ts';
import type { SimLink } from './sim-link.ts';
import type { OutboxRow, SimTables } from './sim-tables.ts';

/** `processor.dead_letters`. */
export class SimDeadLetters implements DeadLetterStore {
  readonly #tables: SimTables;
  readonly #link: SimLink;

  constructor(tables: SimTables, link: SimLink) {
    this.#tables = tables;
    this.#link = link;
  }

  record(letters: readonly DeadLetter[]): Promise<readonly bigint[]> {
    return this.#link.ask(() => letters.map((letter) => this.#record(letter)));
  }

  #record(letter: DeadLetter): bigint {
    const { letters, rows } = this.#tables;
    const known = letters.find(
      ({ state, queue, body }) => state === 'open' && queue === letter.queue && body.equals(letter.body),
    );
    const row = rows.get(letter.transactionId ?? '');
    if (letter.marksError && row?.status === 'PENDING') row.status = 'ERROR';
    if (letter.redelivered && known !== undefined) return known.id;
    const id = this.#tables.next('letters');
    letters.push({ ...letter, id, state: 'open' });
    return id;
  }
}

/** `processor.retries`. */
export class SimRetries implements RetryStore {
  readonly #tables: SimTables;
  readonly #link: SimLink;

  constructor(tables: SimTables, link: SimLink) {
    this.#tables = tables;
    this.#link = link;
  }

  schedule(retries: readonly Retry[]): Promise<readonly (Retry | null)[]> {
    // From here on it waits, whether or not the ledger learns of it.
    for (const { transactionId } of retries) this.#tables.everWaited.add(transactionId);
    return this.#link.ask(() => retries.map((retry) => this.#schedule(retry)));
  }

  #schedule(retry: Retry): Retry | null {
    const { tries } = this.#tables;
    tries.set(retry.transactionId, (tries.get(retry.transactionId) ?? 0) + 1);
    const waiting = this.#tables.retries.get(retry.transactionId);
    if (waiting !== undefined && !waiting.body.equals(retry.body)) return waiting;
    const firstSeenAtMs = Math.min(retry.firstSeenAtMs, waiting?.firstSeenAtMs ?? Infinity);
    this.#tables.retries.set(retry.transactionId, { ...retry, firstSeenAtMs });
    return null;
  }

  remove(retries: readonly Pick<Retry, 'transactionId' | 'body'>[]): Promise<void> {
    return this.#link.ask(() => {
      for (const { transactionId, body } of retries)
        if (this.#tables.retries.get(transactionId)?.body.equals(body) === true)
          this.#tables.retries.delete(transactionId);
    });
  }

  find(transactionId: string): Promise<Retry | null> {
    return this.#link.ask(() => this.#tables.retries.get(transactionId) ?? null);
  }

  due(nowMs: number, shards: readonly number[], limit: number): Promise<readonly Retry[]> {
    return this.#link.ask(() =>
      [...this.#tables.retries.values()]
        .filter(({ dueAtMs }) => dueAtMs < nowMs)
        .filter(({ accountId }) => shards.includes(shardOf(accountId, LIMITS.shardCount)))
        .sort((a, b) => a.dueAtMs - b.dueAtMs)
        .slice(0, limit),
    );
  }
}

/** `processor.parked`. */
export class SimParked implements ParkStore {
  readonly #tables: SimTables;
  readonly #link: SimLink;

  constructor(tables: SimTables, link: SimLink) {
    this.#tables = tables;
    this.#link = link;
  }

  park(commands: readonly OwnedParked[]): Promise<readonly ParkingEnd[]> {
    return this.#link.ask(() =>
      commands.map((command): ParkingEnd => {
        if (this.#tables.shards.rows[command.shard]?.epoch !== command.epoch) return 'fenced';
        this.#park([command]);
        return 'parked';
      }),
    );
  }

  parkUnowned(shard: number, epochSeen: bigint, commands: readonly Parked[]): Promise<UnownedParking> {
    return this.#link.ask((): UnownedParking => {
      const { rows } = this.#tables.shards;
      const epoch = rows[shard]?.epoch ?? 0n;
      if (epoch !== epochSeen) return { kind: 'owned', epoch };
      const raised = epoch === 0n ? 0n : epoch + 1n;
      rows[shard] = { shard, epoch: raised, owner: null };
      this.#park(commands);
      return { kind: 'parked', epoch: raised };
    });
  }

  oldest(accountId: string, except: readonly bigint[], limit: number): Promise<readonly ParkedRow[]> {
    return this.#link.ask(() =>
      this.#tables.parked
        .filter((row) => row.accountId === accountId && !except.includes(row.n))
        .slice(0, limit),
    );
  }

  unpark(rows: readonly Pick<ParkedRow, 'accountId' | 'n'>[]): Promise<void> {
    return this.#link.ask(() => {
      const { parked } = this.#tables;
      for (const { n } of rows) {
        const index = parked.findIndex((row) => row.n === n);
        if (index >= 0) parked.splice(index, 1);
      }
    });
  }

  accountsToTakeUp(after: string | null, limit: number): Promise<readonly string[]> {
    return this.#link.ask(() => {
      const ids = new Set(this.#tables.parked.map(({ accountId }) => accountId));
      return [...ids]
        .filter(
          (id) => this.#tables.states.get(id)?.status !== 'quarantined' && (after === null || id > after),
        )
        .sort()
        .slice(0, limit);
    });
  }

  #park(commands: readonly Parked[]): void {
    for (const { accountId, queue, body } of commands) {
      const n = this.#tables.next('parked');
      this.#tables.parked.push({ accountId, n, queue, body, sinceMs: this.#tables.time.nowMs });
      const decoded = decodeMessage(queue, body);
      if (decoded.ok && decoded.command.kind === 'transaction')
        this.#tables.everWaited.add(decoded.command.transactionId);
    }
  }
}

/** Quarantines, in `processor.accounts`. */
export class SimQuarantines implements QuarantineStore {
  readonly #tables: SimTables;
  readonly #link: SimLink;

  constructor(tables: SimTables, link: SimLink) {
    this.#tables = tables;
    this.#link = link;
  }

  setAside({ accountId, shard, epoch }: Quarantine): Promise<'quarantined' | 'fenced'> {
    return this.#link.ask(() => {
      const state = this.#tables.stateOf(accountId);
      if (this.#tables.shards.rows[shard]?.epoch !== epoch) return 'fenced';
      if (state !== null && state.status !== 'quarantined') {
        this.#tables.setAside.set(accountId, state);
        this.#tables.states.set(accountId, { ...state, status: 'quarantined' });
      }
      return 'quarantined';
    });
  }
}

/** `processor.outbox`. */
export class SimOutbox implements OutboxStore {
  readonly #tables: SimTables;
  readonly #link: SimLink;
  readonly #incarnation: string;
  #locks = 0;

  constructor(tables: SimTables, link: SimLink, incarnation: string) {
    this.#tables = tables;
    this.#link = link;
    this.#incarnation = incarnation;
  }

  async takeOver(
    taking: OutboxTaking,
    work: (tasks: readonly OutboxTask[], behind: readonly CachedBalance[]) => Promise<void>,
  ): Promise<number> {
    // Of this transaction alone: whatever becomes of the connection, the server ends it.
    const lock = `${this.#incarnation} ${(this.#locks += 1)}`;
    let isOver = false;
    try {
      const rows = await this.#link.ask(() => (isOver ? [] : this.#lock(taking, lock)));
      if (rows.length === 0) return 0;
      const [tasks, behind] = await this.#link.ask(() => [
        rows.map((row) => this.#taskOf(row)),
        this.#behind(taking, rows),
      ]);
      await work(tasks, behind);
      await this.#link.ask(() => {
        for (const row of rows) this.#settle(row, taking.able);
      });
      return rows.length;
    } finally {
      isOver = true;
      for (const row of this.#tables.outbox.values()) if (row.lockedBy === lock) row.lockedBy = null;
    }
  }

  events(outboxIds: readonly bigint[]): Promise<readonly OutboxEvents[]> {
    return this.#link.ask(() => outboxIds.map(() => ({ accounts: [], events: [] })));
  }

  remove(outboxIds: readonly bigint[]): Promise<void> {
    return this.#link.ask(() => {
      for (const id of outboxIds)
        if (this.#tables.outbox.get(id)?.lockedBy === null) this.#tables.outbox.delete(id);
    });
  }

  #lock({ ageMs, limit, known, able }: OutboxTaking, lock: string): readonly OutboxRow[] {
    const { outbox, time } = this.#tables;
    const rows = [...outbox.values()]
      .filter(({ id, incarnation }) => incarnation !== this.#incarnation || !known.includes(id))
      .filter(({ createdAtMs }) => createdAtMs <= time.nowMs - ageMs)
      .filter(({ due }) => able === 'all' || due === 'all' || due === able)
      .filter(({ lockedBy }) => lockedBy === null)
      .slice(0, limit);
    for (const row of rows) row.lockedBy = lock;
    return rows;
  }

  #behind({ ageMs, limit, able }: OutboxTaking, taken: readonly OutboxRow[]): readonly CachedBalance[] {
    const last = taken.at(-1);
    if (last === undefined || taken.length < limit || able === 'events') return [];
    const { outbox, time } = this.#tables;
    return [...outbox.values()]
      .filter(({ id, incarnation }) => id > last.id && incarnation !== this.#incarnation)
      .filter(({ createdAtMs }) => createdAtMs <= time.nowMs - ageMs)
      .flatMap((row) => this.#taskOf(row).balances);
  }

  #taskOf({ id, due, accountIds, cardIds }: OutboxRow): OutboxTask {
    const { states, cardTotals } = this.#tables;
    const accounts = accountIds.flatMap((accountId): CachedBalance[] => {
      const state = states.get(accountId);
      if (state === undefined) return [];
      return [{ kind: 'account', id: accountId, cents: state.balanceCents, version: state.seq }];
    });
    const cards = cardIds.flatMap((cardId): CachedBalance[] => {
      const total = cardTotals.get(cardId);
      return total === undefined
        ? []
        : [{ kind: 'card', id: cardId, cents: total.totalCents, version: total.seq }];
    });
    return { outboxId: id, due, balances: due === 'events' ? [] : [...accounts, ...cards] };
  }

  #settle(row: OutboxRow, able: OutboxTaking['able']): void {
    if (able === 'all' || row.due === able) this.#tables.outbox.delete(row.id);
    else row.due = able === 'balances' ? 'events' : 'balances';
  }
}
