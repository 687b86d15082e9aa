import { isMovedOn } from '../../src/domain/retry-policy.ts';
import { shardOf } from '../../src/domain/shard.ts';
import { LIMITS } from '../../src/limits.ts';
import type {
  DeadLetter,
  DeadLetterStore,
  Quarantine,
  QuarantineStore,
  Retry,
  RetryStore,
} from '../../src/ports/stores.ts';
import { TableStore } from './table-store.ts';

/** `processor.dead_letters`. */
export class SimDeadLetters extends TableStore implements DeadLetterStore {
  record(letters: readonly DeadLetter[]): Promise<readonly bigint[]> {
    return this.ask(() => letters.map((letter) => this.#record(letter)));
  }

  #record(letter: DeadLetter): bigint {
    const { letters, rows } = this.tables;
    const known = letters.find(
      ({ state, queue, body }) => state === 'open' && queue === letter.queue && body.equals(letter.body),
    );
    const row = rows.get(letter.transactionId ?? '');
    if (letter.marksError && row?.status === 'PENDING') row.status = 'ERROR';
    if (letter.redelivered && known !== undefined) return known.id;
    const id = this.tables.next('letters');
    letters.push({ ...letter, id, state: 'open' });
    return id;
  }
}

/** `processor.retries`. */
export class SimRetries extends TableStore implements RetryStore {
  schedule(retries: readonly Retry[]): Promise<readonly (Retry | null)[]> {
    // From here on it waits, whether or not the ledger learns of it.
    for (const { transactionId } of retries) this.tables.everWaited.add(transactionId);
    return this.ask(() => {
      for (const retry of retries) this.#schedule(retry);
      return retries.map(({ transactionId, body }) => {
        const stands = this.tables.retries.get(transactionId);
        return stands === undefined || stands.body.equals(body) ? null : stands;
      });
    });
  }

  #schedule(retry: Retry): void {
    const { tries } = this.tables;
    tries.set(retry.transactionId, (tries.get(retry.transactionId) ?? 0) + 1);
    const waiting = this.tables.retries.get(retry.transactionId);
    if (waiting !== undefined && !(waiting.body.equals(retry.body) && isMovedOn(retry, waiting))) return;
    const firstSeenAtMs = Math.min(retry.firstSeenAtMs, waiting?.firstSeenAtMs ?? Infinity);
    this.tables.retries.set(retry.transactionId, { ...retry, firstSeenAtMs });
  }

  remove(retries: readonly Pick<Retry, 'transactionId' | 'body'>[]): Promise<void> {
    return this.ask(() => {
      for (const { transactionId, body } of retries)
        if (this.tables.retries.get(transactionId)?.body.equals(body) === true)
          this.tables.retries.delete(transactionId);
    });
  }

  find(transactionId: string): Promise<Retry | null> {
    return this.ask(() => this.tables.retries.get(transactionId) ?? null);
  }

  due(nowMs: number, shards: readonly number[], limit: number): Promise<readonly Retry[]> {
    return this.ask(() =>
      [...this.tables.retries.values()]
        .filter(({ dueAtMs }) => dueAtMs < nowMs)
        .filter(({ accountId }) => shards.includes(shardOf(accountId, LIMITS.shardCount)))
        .sort((a, b) => a.dueAtMs - b.dueAtMs)
        .slice(0, limit),
    );
  }
}

/** Quarantines, in `processor.accounts`. */
export class SimQuarantines extends TableStore implements QuarantineStore {
  setAside({ accountId, shard, epoch }: Quarantine): Promise<'quarantined' | 'fenced'> {
    return this.ask(() => {
      const state = this.tables.stateOf(accountId);
      if (this.tables.shards.rows[shard]?.epoch !== epoch) return 'fenced';
      if (state !== null && state.status !== 'quarantined') {
        this.tables.setAside.set(accountId, state);
        this.tables.states.set(accountId, { ...state, status: 'quarantined' });
      }
      return 'quarantined';
    });
  }
}
