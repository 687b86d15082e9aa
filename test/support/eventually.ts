import { setTimeout as sleep } from 'node:timers/promises';

const POLL_MS = 10;

/**
 * Runs the assertion again and again until it holds, and returns what it returned; after the deadline its last failure
 * is thrown. The way to wait for something in a test, instead of a sleep.
 */
export async function eventually<T>(
  assertion: () => T | Promise<T>,
  { timeoutMs = 10_000 }: { readonly timeoutMs?: number } = {},
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
