import {
  isWireMessage,
  type StreamMessage,
  type WireActor,
  type WireMessage,
} from '../../contracts/inspection.ts';

const MESSAGES_MAX = 256;

/** What the inspector must be told when its page is loaded again: every account's chart, and the last steps. */
export class Backlog {
  readonly #actors = new Map<string, WireActor>();
  #steps: WireMessage[] = [];

  add(message: StreamMessage): void {
    if (!isWireMessage(message)) return;
    if (message.type === '@xstate.actor') {
      // The account's actor before this one has ended.
      for (const [sessionId, { name }] of this.#actors) if (name === message.name) this.#forget(sessionId);
      this.#actors.set(message.sessionId, message);
    } else {
      this.#steps.push(message);
      if (this.#steps.length > MESSAGES_MAX) this.#steps.shift();
    }
  }

  /** Charts first. */
  all(): readonly WireMessage[] {
    return [...this.#actors.values(), ...this.#steps];
  }

  #forget(ended: string): void {
    this.#actors.delete(ended);
    this.#steps = this.#steps.filter(({ sessionId }) => sessionId !== ended);
  }
}
