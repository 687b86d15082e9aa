/** Counts the messages that are in memory and not answered yet, so that a drain knows when it is done. */
export class InFlight {
  #count = 0;
  readonly #whenEmpty: (() => void)[] = [];

  get count(): number {
    return this.#count;
  }

  enter(): void {
    this.#count += 1;
  }

  leave(): void {
    this.#count -= 1;
    if (this.#count < 0) throw new Error('a message was answered that had not come in');
    if (this.#count === 0) for (const resolve of this.#whenEmpty.splice(0)) resolve();
  }

  /** Resolves when nothing is in flight. */
  async empty(): Promise<void> {
    if (this.#count === 0) return;
    await new Promise<void>((resolve) => this.#whenEmpty.push(resolve));
  }
}
