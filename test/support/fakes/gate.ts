/** Where calls wait until the test lets them through: promises driven by hand. Open from the start unless closed. */
export class Gate {
  readonly #waiting: { readonly open: () => void; readonly fail: (error: Error) => void }[] = [];
  #mode: 'open' | 'closed' = 'open';

  get waitingCount(): number {
    return this.#waiting.length;
  }

  close(): void {
    this.#mode = 'closed';
  }

  /** Lets everything through, now and from now on. */
  open(): void {
    this.#mode = 'open';
    while (this.#waiting.length > 0) this.release();
  }

  async pass(): Promise<void> {
    if (this.#mode === 'open') return;
    await new Promise<void>((open, fail) => this.#waiting.push({ open, fail }));
  }

  /** Lets the call at `index` through, the oldest by default. */
  release(index = 0): void {
    for (const { open } of this.#waiting.splice(index, 1)) open();
  }

  /** Makes the call at `index` fail. */
  fail(error: Error, index = 0): void {
    for (const { fail } of this.#waiting.splice(index, 1)) fail(error);
  }
}
