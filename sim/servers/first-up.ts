/** Settled once: something is up for the first time, or was closed before. Nobody need wait for it. */
export class FirstUp {
  readonly promise: Promise<void>;
  #resolve: () => void = () => undefined;
  #reject: (reason: Error) => void = () => undefined;

  constructor() {
    this.promise = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    // Else nobody waiting would be an unhandled rejection.
    this.promise.catch(() => undefined);
  }

  isUp(): void {
    this.#resolve();
  }

  isClosed(what: string): void {
    this.#reject(new Error(`${what} was closed before it was up`));
  }
}
