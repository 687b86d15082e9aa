import { setTimeout as sleep } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { versionKey } from '../../src/infra/redis/balance-keys.ts';
import type { WallClock } from './wall-clock.ts';

const POLL_MS = 1;
/** One question to Redis; where more accounts are waited for, they take turns. */
const KEYS_MAX = 1_000;

interface Sighting {
  readonly version: number;
  readonly atMs: number;
}

/**
 * Learns when balances become readable in Redis, by asking every millisecond for those that have not come yet.
 *
 * A balance and its version are written by one script, so the version tells of the balance. A time is that of the answer: up to a poll and a
 * round trip late, never early. Each account is sent its transactions in the order of their seq.
 */
export class ReadableWatch {
  readonly #redis: Redis;
  readonly #clock: WallClock;
  /** The version each account will have when all that was sent is in its balance. */
  readonly #awaited = new Map<string, number>();
  readonly #sent: Map<string, number>;
  readonly #sightings = new Map<string, Sighting[]>();
  readonly #ended = new AbortController();
  readonly #polling: Promise<void>;

  /** @param seqs of the accounts, before the first transaction that is waited for. */
  constructor(redis: Redis, clock: WallClock, seqs: ReadonlyMap<string, number>) {
    this.#redis = redis;
    this.#clock = clock;
    this.#sent = new Map(seqs);
    this.#polling = this.#poll();
    // Heard of by `close`.
    this.#polling.catch(() => undefined);
  }

  /** One more transaction of this account is on its way. */
  await(accountId: string): void {
    const version = (this.#sent.get(accountId) ?? 0) + 1;
    this.#sent.set(accountId, version);
    this.#awaited.set(accountId, version);
  }

  /** null: it was not seen. */
  readableMs(accountId: string, seq: number): number | null {
    return this.#sightings.get(accountId)?.find(({ version }) => version >= seq)?.atMs ?? null;
  }

  /** Rejects with what went wrong meanwhile. */
  async close(): Promise<void> {
    this.#ended.abort();
    await this.#polling;
  }

  async #poll(): Promise<void> {
    while (!this.#ended.signal.aborted) {
      // The oldest first: a map keeps the order in which keys were added.
      const some = [...this.#awaited.keys()].slice(0, KEYS_MAX);
      if (some.length > 0) {
        const versions = await this.#redis.mget(some.map((id) => versionKey('account', id)));
        this.#note(some, versions, this.#clock.now());
      }
      await sleep(POLL_MS);
    }
  }

  #note(accountIds: readonly string[], versions: readonly (string | null)[], atMs: number): void {
    const isFull = accountIds.length === KEYS_MAX;
    for (const [index, accountId] of accountIds.entries()) {
      const version = Number(versions[index] ?? 0);
      const sightings = this.#sightings.get(accountId) ?? [];
      if (version > (sightings.at(-1)?.version ?? 0)) {
        sightings.push({ version, atMs });
        this.#sightings.set(accountId, sightings);
      }
      const awaited = this.#awaited.get(accountId) ?? 0;
      if (version < awaited && !isFull) continue;
      this.#awaited.delete(accountId);
      // To the end of the line.
      if (version < awaited) this.#awaited.set(accountId, awaited);
    }
  }
}
