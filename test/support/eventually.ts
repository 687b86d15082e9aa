import { setTimeout as sleep } from 'node:timers/promises';

const POLL_MS = 10;

export interface Patience {
  readonly timeoutMs?: number;
  /** Longer for assertions that cost something. */
  readonly pollMs?: number;
}

/** Reached only by what never comes: a machine that is ten times as slow as usual must not fail a test. */
const DEADLINE_MS = 60_000;

/**
 * Runs the assertion again and again until it holds, and returns what it returned; after the deadline its last failure
 * is thrown. The way to wait for something in a test, instead of a sleep.
 */
export async function eventually<T>(
  assertion: () => T | Promise<T>,
  { timeoutMs = DEADLINE_MS, pollMs = POLL_MS }: Patience = {},
): Promise<T> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    try {
      return await assertion();
    } catch (failure) {
      if (Date.now() >= deadline) throw failure;
      await sleep(pollMs);
    }
  }
}
