import type { OperatorResult } from '../../domain/settlement.ts';

/** How an order ended for whoever gave it. */
export type OrderOutcome =
  | { readonly kind: 'result'; readonly from: string; readonly result: OperatorResult }
  | { readonly kind: 'accepted'; readonly from: string }
  /** The node (null: it cannot be told which) runs another version of the program. */
  | { readonly kind: 'unreadable'; readonly from: string | null; readonly detail: string }
  /** No node was there to be asked: nothing was done. */
  | { readonly kind: 'unasked' }
  /** A node was asked, and may or may not have done it. */
  | { readonly kind: 'unanswered' };

export interface ConversationOptions {
  /** null: nobody's at the moment. */
  readonly inboxOf: () => Promise<string | null>;
  /** False: it could not be sent. */
  readonly send: (inbox: string) => boolean;
  readonly answerTimeoutMs: number;
  readonly pauseMs: number;
  /** After it no new try is made; the last one has its whole time, or it could not be told whether anybody got it. */
  readonly deadlineMs: number;
}

type News = 'returned' | 'turned-down' | 'ended';

/** Asks for one order again and again until it has ended. Owns the tries; what travels belongs to the client. */
export class OrderConversation {
  readonly #options: ConversationOptions;
  readonly #deadlineAtMs: number;
  #outcome: OrderOutcome | null = null;
  #wasAsked = false;
  #tell: (news: News) => void = () => undefined;

  constructor(options: ConversationOptions) {
    this.#options = options;
    this.#deadlineAtMs = performance.now() + options.deadlineMs;
  }

  /** Rejects with what `inboxOf` rejected with, unless a node has been asked: that must not be hidden. */
  async run(): Promise<OrderOutcome> {
    const { pauseMs } = this.#options;
    while (!this.#isOver() && this.#leftMs() > 0) {
      const inbox = await this.#inbox();
      if (inbox !== null && !this.#isOver()) await this.#ask(inbox);
      if (!this.#isOver()) await this.#until((news) => news === 'ended', pauseMs);
    }
    return this.#outcome ?? this.#outcomeSoFar();
  }

  end(outcome: OrderOutcome): void {
    this.#outcome ??= outcome;
    this.#tell('ended');
  }

  /** Nothing will come any more. */
  breakOff(): void {
    this.end(this.#outcomeSoFar());
  }

  /** There is no such inbox. */
  returned(): void {
    this.#tell('returned');
  }

  /** The node that was asked does not own the account. */
  turnedDown(): void {
    this.#tell('turned-down');
  }

  async #ask(inbox: string): Promise<void> {
    if (!this.#options.send(inbox)) return;
    // Until its return shows that nobody got it.
    const wasAskedBefore = this.#wasAsked;
    this.#wasAsked = true;
    const news = await this.#until(() => true, this.#options.answerTimeoutMs);
    if (news === 'returned') this.#wasAsked = wasAskedBefore;
  }

  async #inbox(): Promise<string | null> {
    try {
      return await this.#options.inboxOf();
    } catch (error) {
      if (this.#wasAsked) return null;
      throw error;
    }
  }

  /** The first news that counts; null: none in time. */
  #until(counts: (news: News) => boolean, limitMs: number): Promise<News | null> {
    return new Promise((resolve) => {
      const stop = (news: News | null): void => {
        clearTimeout(timer);
        this.#tell = () => undefined;
        resolve(news);
      };
      const timer = setTimeout(stop, limitMs, null);
      this.#tell = (news) => {
        if (counts(news)) stop(news);
      };
    });
  }

  #isOver(): boolean {
    return this.#outcome !== null;
  }

  #leftMs(): number {
    return this.#deadlineAtMs - performance.now();
  }

  #outcomeSoFar(): OrderOutcome {
    return { kind: this.#wasAsked ? 'unanswered' : 'unasked' };
  }
}
