interface Happening {
  readonly atMs: number;
  readonly n: number;
  callback: (() => void) | null;
}

/** Lets every promise that can settle do so: only then the next thing may happen. */
const untilQuiet = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/**
 * The time of a simulated world, and all that is still to happen in it.
 *
 * V1. One thing happens at a time, in order of time, and of the asking where times are equal. After each of them all
 *     promises settle before the next. So a run depends on nothing but what is asked for.
 */
export class VirtualTime {
  readonly startMs: number;
  #nowMs: number;
  #n = 0;
  /** A binary heap, the next one first. */
  readonly #heap: Happening[] = [];

  constructor(startMs: number) {
    this.startMs = startMs;
    this.#nowMs = startMs;
  }

  /** Milliseconds since the epoch, with fractions. */
  get nowMs(): number {
    return this.#nowMs;
  }

  get elapsedMs(): number {
    return this.#nowMs - this.startMs;
  }

  /** Calls back once after `delayMs`; the returned function cancels. */
  after(delayMs: number, callback: () => void): () => void {
    const happening: Happening = { atMs: this.#nowMs + Math.max(0, delayMs), n: (this.#n += 1), callback };
    this.#push(happening);
    return () => {
      happening.callback = null;
    };
  }

  wait(delayMs: number): Promise<void> {
    return new Promise((resolve) => void this.after(delayMs, resolve));
  }

  /** Goes on until `isOver` says so after a step, nothing is left to happen, or `untilMs` (elapsed) is reached. */
  async run(untilMs: number, isOver: () => boolean): Promise<void> {
    for (;;) {
      const next = this.#heap[0];
      if (next === undefined || next.atMs - this.startMs > untilMs) return;
      this.#pop();
      if (next.callback === null) continue;
      this.#nowMs = Math.max(this.#nowMs, next.atMs);
      next.callback();
      await untilQuiet();
      if (isOver()) return;
    }
  }

  #push(happening: Happening): void {
    const heap = this.#heap;
    let place = heap.push(happening) - 1;
    while (place > 0) {
      const above = (place - 1) >> 1;
      if (isBefore(heap[above], heap[place])) break;
      swap(heap, above, place);
      place = above;
    }
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    heap[0] = last;
    let place = 0;
    for (;;) {
      const left = 2 * place + 1;
      const right = left + 1;
      let first = place;
      if (left < heap.length && isBefore(heap[left], heap[first])) first = left;
      if (right < heap.length && isBefore(heap[right], heap[first])) first = right;
      if (first === place) return;
      swap(heap, first, place);
      place = first;
    }
  }
}

function isBefore(a: Happening | undefined, b: Happening | undefined): boolean {
  if (a === undefined || b === undefined) return false;
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.n < b.n);
}

function swap(heap: Happening[], a: number, b: number): void {
  const [first, second] = [heap[a], heap[b]];
  if (first === undefined || second === undefined) return;
  heap[a] = second;
  heap[b] = first;
}
