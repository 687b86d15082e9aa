import { LIMITS } from '../limits.ts';

/** When actors of which accounts crashed, as far back as it matters. */
export class CrashRecord {
  readonly #timesMs = new Map<string, readonly number[]>();

  /** Notes a crash; whether the account has used up its restarts. */
  add(accountId: string, nowMs: number): 'restart' | 'quarantine' {
    const recent = this.#recent(this.#timesMs.get(accountId) ?? [], nowMs);
    const times = [...recent, nowMs];
    this.#timesMs.set(accountId, times);
    return times.length > LIMITS.actorRestartsMax ? 'quarantine' : 'restart';
  }

  /** Forgets what is too old to count. */
  prune(nowMs: number): void {
    for (const [accountId, times] of this.#timesMs) {
      if (this.#recent(times, nowMs).length === 0) this.#timesMs.delete(accountId);
    }
  }

  #recent(times: readonly number[], nowMs: number): readonly number[] {
    return times.filter((timeMs) => timeMs > nowMs - LIMITS.restartWindowMs);
  }
}
