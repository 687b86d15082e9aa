/**
 * Hands out what comes in, in order, and only so much in one turn of the event loop.
 *
 * A socket that has much to say is read up to 32 times before anything else gets its turn: a window of 4,000 deliveries was
 * one turn of 120 ms, in which nothing was sent on, committed or acknowledged, and the other nodes had nothing to do.
 *
 * Owns what has not been handed out.
 * T1. In order of `add`, each once. What finds room in this turn is handed out at once.
 * T2. What is left goes on by itself, turn by turn, until `flush` or `clear`.
 */
export class TurnLine<T> {
  readonly #perTurn: number;
  readonly #handOut: (item: T) => void;
  #waiting: T[] = [];
  /** Of the first waiting one. */
  #head = 0;
  #handedOut = 0;
  #turn: NodeJS.Immediate | null = null;

  /** `handOut` must not throw. */
  constructor(perTurn: number, handOut: (item: T) => void) {
    this.#perTurn = perTurn;
    this.#handOut = handOut;
  }

  get waiting(): number {
    return this.#waiting.length - this.#head;
  }

  add(item: T): void {
    this.#turn ??= setImmediate(this.#nextTurn);
    if (this.waiting > 0 || this.#handedOut >= this.#perTurn) {
      this.#waiting.push(item);
      return;
    }
    this.#handedOut += 1;
    this.#handOut(item);
  }

  /** Hands out all that is left, in this turn. */
  flush(): void {
    const left = this.#waiting.slice(this.#head);
    this.clear();
    for (const item of left) this.#handOut(item);
  }

  /** Forgets what has not been handed out. */
  clear(): void {
    this.#waiting = [];
    this.#head = 0;
  }

  readonly #nextTurn = (): void => {
    this.#turn = null;
    this.#handedOut = 0;
    if (this.waiting === 0) return;
    this.#turn = setImmediate(this.#nextTurn);
    while (this.#handedOut < this.#perTurn && this.#head < this.#waiting.length) {
      const item = this.#waiting[this.#head] as T;
      this.#head += 1;
      this.#handedOut += 1;
      this.#handOut(item);
    }
    if (this.#head > this.#waiting.length / 2) {
      this.#waiting = this.#waiting.slice(this.#head);
      this.#head = 0;
    }
  };
}
