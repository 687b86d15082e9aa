import { setTimeout as sleep } from 'node:timers/promises';

const POLL_MS = 10;

export interface Patience {
  readonly timeoutMs?: number;
  /** Longer for assertions that cost something. */
  readonly pollMs?: number;
}

/**
 * Runs the assertion again and again until it holds, and returns what it returned; after the deadline its last failure
 * is thrown. The way to wait for something in a test, instead of a sleep.
 */
export async function eventually<T>(
  assertion: () => T | Promise<T>,
  { timeoutMs = 10_000, pollMs = POLL_MS }: Patience = {},
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
