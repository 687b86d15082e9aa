import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import type { Redis } from 'ioredis';
import { ensureError } from '../../domain/errors.ts';
import { LIMITS } from '../../limits.ts';
import { GenerationChanged, type BalanceCache, type CachedBalance } from '../../ports/balance-cache.ts';
import type { LinkState } from '../../ports/connection.ts';
import type { Logger } from '../../ports/runtime.ts';
import { redisPrefixOf } from '../server-errors.ts';
import { balanceKey, versionKey } from './balance-keys.ts';
import { ENTER_GENERATION, WRITE_BALANCES, type Script } from './balance-scripts.ts';
import {
  connectInBackground,
  createRedisClient,
  disconnectClient,
  linkStateOf,
  type RedisClientOptions,
} from './redis-client.ts';

/**
 * The cached balances that the Go API reads. Owns one connection and the generation last seen.
 *
 * ```
 * balance:<account id>        cents, decimal      {balance:<account id>}:v        journal seq it belongs to
 * balance:card:<card id>      cents, decimal      {balance:card:<card id>}:v
 * paygate:generation          <run id of the server>:<random>
 * ```
 * B1. An older version never replaces a newer one; the comparison and the write are one step.
 * B2. A write under another generation than the present one writes nothing. Without this a FLUSHALL between reading a balance and
 *     writing it would let the older balance stand for good: the newer one's version is gone as well.
 * B3. A generation never outlives a run of the server: a crash may have lost the last second of confirmed writes.
 * B4. While Redis is away `generation` is null and every write rejects; nothing is kept to be written later.
 *
 * One batch touches the keys of many accounts: a single Redis, or a primary with replicas, not Redis Cluster.
 */

export const GENERATION_KEY = 'paygate:generation';

export class RedisBalanceCache implements BalanceCache {
  readonly #client: Redis;
  readonly #logger: Logger;
  #generation: string | null = null;
  #entering: Promise<void> | null = null;

  constructor(options: RedisClientOptions) {
    this.#logger = options.logger;
    this.#client = createRedisClient({ ...options, name: `${options.name}/cache` });
    this.#client.on('close', () => {
      this.#generation = null;
    });
    this.#client.on('ready', () => {
      this.#enterGeneration().catch((error: unknown) => this.#noteFailure(ensureError(error)));
    });
    connectInBackground(this.#client);
  }

  state(): LinkState {
    return linkStateOf(this.#client);
  }

  generation(): string | null {
    return this.#generation;
  }

  /** The generation as it is now. Waits for the first connection; rejects when there is none to be had, or no answer. */
  async enter(): Promise<string> {
    if (this.#client.status !== 'ready') await once(this.#client, 'ready');
    await this.#enterGeneration();
    if (this.#generation === null) throw new Error('Redis went away');
    return this.#generation;
  }

  async write(balances: readonly CachedBalance[], generation: string | null): Promise<void> {
    if (balances.length === 0) return;
    if (this.#generation === null) await this.#enterGeneration();
    if (generation === null || generation !== this.#generation) throw new GenerationChanged('not written');
    for (let first = 0; first < balances.length; first += LIMITS.cacheBatchMax) {
      await this.#writeBatch(balances.slice(first, first + LIMITS.cacheBatchMax), generation);
    }
  }

  /**
   * What Redis shows for these accounts, as it stands there (decimal cents), null where there is nothing.
   * Rejects when Redis does not answer.
   */
  async readBalances(accountIds: readonly string[]): Promise<ReadonlyMap<string, string | null>> {
    const balances = new Map<string, string | null>();
    for (let first = 0; first < accountIds.length; first += LIMITS.cacheBatchMax) {
      const ids = accountIds.slice(first, first + LIMITS.cacheBatchMax);
      const values = await this.#client.mget(ids.map((id) => balanceKey('account', id)));
      ids.forEach((id, index) => balances.set(id, values[index] ?? null));
    }
    return balances;
  }

  /** Idempotent; never rejects. */
  async close(): Promise<void> {
    await disconnectClient(this.#client);
  }

  async #writeBatch(balances: readonly CachedBalance[], generation: string): Promise<void> {
    const keys = [GENERATION_KEY];
    const values = [generation, String(LIMITS.cacheExpirySeconds)];
    for (const { kind, id, cents, version } of balances) {
      keys.push(balanceKey(kind, id), versionKey(kind, id));
      values.push(String(cents), String(version));
    }
    const written = await this.#run(WRITE_BALANCES, keys, values);
    if (written !== -1) return;
    this.#generation = null;
    await this.#enterGeneration();
    throw new GenerationChanged('the cache was flushed meanwhile');
  }

  async #enterGeneration(): Promise<void> {
    this.#entering ??= this.#askForGeneration().finally(() => {
      this.#entering = null;
    });
    await this.#entering;
  }

  async #askForGeneration(): Promise<void> {
    const runId = await this.#serverRun();
    const generation = await this.#run(
      ENTER_GENERATION,
      [GENERATION_KEY],
      [runId, `${runId}:${randomUUID()}`],
    );
    // The connection may have broken between the answer and here; the next one enters again.
    if (this.#client.status === 'ready') this.#generation = String(generation);
  }

  /** Random id of this run of the server; `unknown` where our user may not ask: a crash of Redis is then not noticed. */
  async #serverRun(): Promise<string> {
    try {
      return /^run_id:(\w+)/m.exec(await this.#client.info('server'))?.[1] ?? 'unknown';
    } catch (error) {
      if (redisPrefixOf(error) !== 'NOPERM') throw error;
      this.#logger.warn(
        { reason: ensureError(error).message },
        'Redis restarts go unnoticed: its user may not use INFO',
      );
      return 'unknown';
    }
  }

  async #run(script: Script, keys: readonly string[], values: readonly string[]): Promise<unknown> {
    try {
      return await this.#client.evalsha(script.sha, keys.length, ...keys, ...values);
    } catch (error) {
      if (redisPrefixOf(error) !== 'NOSCRIPT') throw error;
      return await this.#client.eval(script.lua, keys.length, ...keys, ...values);
    }
  }

  #noteFailure(error: Error): void {
    this.#logger.warn({ reason: error.message }, 'the generation of the balance cache could not be read');
  }
}
