import { setTimeout as sleep } from 'node:timers/promises';

export interface Waiting {
  /** For the error, when it never comes: `the queue is empty`. */
  readonly what: string;
  readonly signal: AbortSignal;
  readonly pollMs: number;
  readonly timeoutMs: number;
}

/** Asks until the answer is true. Rejects when the time is up, or at once when the bench is to end. */
export async function until(answer: () => Promise<boolean>, waiting: Waiting): Promise<void> {
  const deadlineMs = performance.now() + waiting.timeoutMs;
  for (;;) {
    waiting.signal.throwIfAborted();
    if (await answer()) return;
    if (performance.now() > deadlineMs)
      throw new Error(`${waiting.what}: not within ${waiting.timeoutMs / 1_000} s`);
    await sleep(waiting.pollMs, undefined, { signal: waiting.signal });
  }
}
