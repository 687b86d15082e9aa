import type { StreamMessage } from '../../contracts/inspection.ts';

export interface NumberedMessage {
  /** Counts up by one. */
  readonly n: number;
  readonly message: StreamMessage;
}

/** The last messages of one account, so that a viewer whose connection broke can go on where it was. */
export class MessageRing {
  readonly #messagesMax: number;
  #messages: NumberedMessage[] = [];
  #lastN = 0;

  constructor(messagesMax: number) {
    this.#messagesMax = messagesMax;
  }

  /** 0: there was none yet. */
  get lastN(): number {
    return this.#lastN;
  }

  add(message: StreamMessage): NumberedMessage {
    this.#lastN += 1;
    const numbered = { n: this.#lastN, message };
    this.#messages.push(numbered);
    // Not at every message: cutting the front off costs the length of the list.
    if (this.#messages.length >= 2 * this.#messagesMax)
      this.#messages = this.#messages.slice(-this.#messagesMax);
    return numbered;
  }

  /** Everything after number `n`; null: some of it is not kept any more, or there never was such a number. */
  after(n: number): readonly NumberedMessage[] | null {
    const kept = this.#messages.slice(-this.#messagesMax);
    const firstN = kept[0]?.n ?? this.#lastN + 1;
    return n > this.#lastN || n < firstN - 1 ? null : kept.slice(n - firstN + 1);
  }
}
