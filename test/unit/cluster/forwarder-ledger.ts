import type { ClusterDirectory, ShardOwner, ShardRow } from '../../../src/ports/cluster.ts';
import { LIMITS } from '../../../src/limits.ts';
import type { Clock } from '../../../src/ports/runtime.ts';
import { shardOf } from '../../../src/domain/shard.ts';
import type { Parked, UnownedParking } from '../../../src/ports/stores.ts';
import { accountIdOf } from '../../support/fakes/fake-envelope.ts';

export interface Message {
  /** Place in the order of publication. */
  readonly id: number;
  readonly accountId: string;
}

export const shardOfAccount = (accountId: string): number => shardOf(accountId, LIMITS.shardCount);
/** Three shards, each with three accounts. */
export const SHARDS = [3, 77, 200];
export const ACCOUNT_IDS = SHARDS.flatMap((shard) => accountsOf(shard).slice(0, 3));

function accountsOf(shard: number): string[] {
  const all = Array.from({ length: 3_000 }, (_, n) => accountIdOf(n));
  return all.filter((accountId) => shardOfAccount(accountId) === shard);
}

/** What PostgreSQL and the inbound queue know: owners under a fence, first decisions, acknowledgements. Throws where a promise breaks. */
export class ModelLedger implements Pick<ClusterDirectory, 'read'> {
  /** Reads that were answered. */
  readsCount = 0;
  isAway = false;
  /** The first promise broken, which those who were called may have caught. */
  broken: Error | null = null;
  readonly #clock: Clock;
  readonly #rows: ShardRow[] = Array.from({ length: LIMITS.shardCount }, (_, shard) => ({
    shard,
    epoch: 0n,
    owner: null,
  }));
  readonly #messages: Message[] = [];
  readonly #decided = new Set<number>();
  readonly #acknowledged = new Set<number>();
  readonly #parked: Message[] = [];
  readonly #everParked = new Set<number>();
  readonly #everHeld = new Set<string>();
  /** Whether the answer to a parking that was carried out is lost. */
  loseParkingAnswer: () => boolean = () => false;
  /** Whether parking ends the epoch of whoever has or had the shard. */
  parkingFences = true;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  paused(): Promise<null> {
    return Promise.resolve(null);
  }

  read(): Promise<readonly ShardRow[]> {
    if (this.isAway) return Promise.reject(new Error('PostgreSQL is away'));
    const rows = [...this.#rows];
    this.readsCount += 1;
    return new Promise((resolve) => this.#clock.after(2, () => resolve(rows)));
  }

  rowOf(shard: number): ShardRow {
    const row = this.#rows[shard];
    if (row === undefined) throw new Error(`no shard ${shard}`);
    return row;
  }

  takeOver(shard: number, owner: ShardOwner): bigint {
    const epoch = this.rowOf(shard).epoch + 1n;
    this.#rows[shard] = { shard, epoch, owner };
    this.#everHeld.add(`${shard} ${String(epoch)}`);
    return epoch;
  }

  /** As `processor.park_unowned`: carried out a while after it was asked for, answered a while after that. */
  async parkUnowned(shard: number, seen: bigint, commands: readonly Parked[]): Promise<UnownedParking> {
    if (this.isAway) throw new Error('PostgreSQL is away');
    await this.#after(3);
    const row = this.rowOf(shard);
    if (row.epoch !== seen) return { kind: 'owned', epoch: row.epoch };
    const ends = this.parkingFences && this.#everHeld.has(`${shard} ${String(seen)}`);
    const epoch = ends ? seen + 1n : seen;
    if (ends) this.#rows[shard] = { shard, epoch, owner: null };
    for (const { accountId, body } of commands) {
      const id = idOfBody(body);
      this.#parked.push({ id, accountId });
      this.#everParked.add(id);
    }
    await this.#after(3);
    if (this.loseParkingAnswer()) throw new Error('the answer was lost');
    return { kind: 'parked', epoch };
  }

  get parkingsCount(): number {
    return this.#everParked.size;
  }

  /** Accounts with parked commands. */
  get accountsParked(): ReadonlySet<string> {
    return new Set(this.#parked.map(({ accountId }) => accountId));
  }

  /** In the order in which they were parked. */
  parkedOf(accountId: string): readonly number[] {
    return this.#parked.filter((parked) => parked.accountId === accountId).map(({ id }) => id);
  }

  /** The oldest parking of this command. */
  unpark(id: number): void {
    const place = this.#parked.findIndex((parked) => parked.id === id);
    if (place >= 0) this.#parked.splice(place, 1);
  }

  #after(delayMs: number): Promise<void> {
    return new Promise((resolve) => void this.#clock.after(delayMs, resolve));
  }

  release(shard: number, epoch: bigint): void {
    if (this.rowOf(shard).epoch === epoch) this.#rows[shard] = { shard, epoch, owner: null };
  }

  publish(accountId: string): Message {
    const message = { id: this.#messages.length, accountId };
    this.#messages.push(message);
    return message;
  }

  /** False: fenced. */
  decide(id: number, epoch: bigint): boolean {
    const message = this.#messages[id];
    if (message === undefined) throw new Error(`no message ${id}`);
    const { accountId } = message;
    if (this.rowOf(shardOfAccount(accountId)).epoch !== epoch) return false;
    if (this.#decided.has(id)) return true;
    const older = this.#messages.find(
      (other) => other.accountId === accountId && other.id < id && !this.#decided.has(other.id),
    );
    if (older !== undefined) this.#break(`${id} was decided before ${older.id}`);
    this.#decided.add(id);
    return true;
  }

  acknowledge(id: number): void {
    if (!this.#decided.has(id) && !this.#everParked.has(id)) this.#break(`${id} was acknowledged undecided`);
    if (this.#acknowledged.has(id)) this.#break(`${id} was acknowledged twice`);
    this.#acknowledged.add(id);
  }

  unacknowledged(): readonly Message[] {
    return this.#messages.filter(({ id }) => !this.#acknowledged.has(id));
  }

  get decidedCount(): number {
    return this.#decided.size;
  }

  #break(promise: string): never {
    this.broken ??= new Error(promise);
    throw this.broken;
  }
}

function idOfBody(body: Buffer): number {
  const { transaction_id: transactionId } = JSON.parse(body.toString()) as {
    readonly transaction_id: string;
  };
  return Number(transactionId.slice(-12));
}
