import { setTimeout as sleep } from 'node:timers/promises';

const POLL_MS = 10;

/** Reached only by what never comes: a machine that is ten times as slow as usual must not fail a test. */
const DEADLINE_MS = 60_000;

/**
 * Runs the assertion again and again until it holds, and returns what it returned; after the deadline its last failure
 * is thrown. The way to wait for something in a test, instead of a sleep.
 */
export async function eventually<T>(
  assertion: () => T | Promise<T>,
  { timeoutMs = DEADLINE_MS }: { readonly timeoutMs?: number } = {},
): Promise<T> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    try {
      return await assertion();
    } catch (failure) {
      if (Date.now() >= deadline) throw failure;
      await sleep(POLL_MS);
    }
  }
}
