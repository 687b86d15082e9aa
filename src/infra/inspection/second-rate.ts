/** So many in each second, counted from the first one after a pause. */
export class SecondRate {
  readonly #perSecondMax: number;
  #begunAtMs = -Infinity;
  #spent = 0;

  constructor(perSecondMax: number) {
    this.#perSecondMax = perSecondMax;
  }

  /** `over`: this second's are used up; `endsInMs` until the next one. */
  take(nowMs: number): { readonly kind: 'granted' } | { readonly kind: 'over'; readonly endsInMs: number } {
    // A clock that was set back must not stop everything.
    if (nowMs >= this.#begunAtMs + 1_000 || nowMs < this.#begunAtMs) {
      this.#begunAtMs = nowMs;
      this.#spent = 0;
    }
    if (this.#spent >= this.#perSecondMax) return { kind: 'over', endsInMs: this.#begunAtMs + 1_000 - nowMs };
    this.#spent += 1;
    return { kind: 'granted' };
  }
}
