import type { Flow, Inbox, InboxEvents, ReturnMeaning } from '../../../src/ports/cluster.ts';
import type { LinkState } from '../../../src/ports/connection.ts';
import type { Clock } from '../../../src/ports/runtime.ts';

export interface Letter {
  readonly from: string;
  readonly to: string;
  readonly body: Buffer;
}

/** When copies of a letter arrive, in milliseconds from now: none = lost, two = doubled. */
export type Fate = (letter: Letter) => readonly number[];

const AT_ONCE: Fate = () => [1];

/** The broker between the inboxes of one test. Letters of one sender may overtake each other if their fates say so. */
export class FakePost {
  /** Sent so far, whatever became of them. */
  sentCount = 0;
  fate: Fate = AT_ONCE;
  returnMeaning: ReturnMeaning = 'gone';
  /** Inboxes whose connection is away for a while: what is sent to them comes back, and means nothing. */
  readonly away = new Set<string>();
  readonly #clock: Clock;
  readonly #inboxes = new Map<string, FakeInbox>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  open(name: string, events: InboxEvents): FakeInbox {
    const inbox = new FakeInbox(name, events, this);
    this.#inboxes.set(name, inbox);
    return inbox;
  }

  carry(letter: Letter): void {
    this.sentCount += 1;
    // What was sent is on its way: whoever reuses the buffer changes nothing.
    const copy = { ...letter, body: Buffer.from(letter.body) };
    for (const delayMs of this.fate(copy)) this.#clock.after(delayMs, () => this.#arrive(copy));
  }

  /** From now on messages to it come back. */
  remove(name: string): void {
    this.#inboxes.delete(name);
  }

  #arrive({ from, to, body }: Letter): void {
    const inbox = this.#inboxes.get(to);
    const isAway = this.away.has(to);
    const meaning = isAway ? 'unsure' : this.returnMeaning;
    if (inbox !== undefined && !isAway) inbox.deliver(body, this.#clock.now());
    else this.#clock.after(1, () => this.#inboxes.get(from)?.return(to, meaning));
  }
}

/** An inbox in memory; `setFlow` plays the memory alarm. It has no pings. */
export class FakeInbox implements Inbox {
  readonly name: string;
  readonly #events: InboxEvents;
  readonly #post: FakePost;
  #flow: Flow = 'open';
  #state: LinkState = 'up';
  #watched: readonly string[] = [];

  constructor(name: string, events: InboxEvents, post: FakePost) {
    this.name = name;
    this.#events = events;
    this.#post = post;
  }

  get watched(): readonly string[] {
    return this.#watched;
  }

  ready(): Promise<void> {
    return Promise.resolve();
  }

  state(): LinkState {
    return this.#state;
  }

  flow(): Flow {
    return this.#flow;
  }

  silentMs(): number {
    return 0;
  }

  send(inbox: string, body: Buffer): Flow {
    if (body.length === 0) throw new Error('an empty message is a ping');
    if (this.#flow === 'open') this.#post.carry({ from: this.name, to: inbox, body });
    return this.#flow;
  }

  watch(inboxes: readonly string[]): void {
    this.#watched = inboxes;
  }

  close(): Promise<void> {
    this.#state = 'down';
    this.#post.remove(this.name);
    this.setFlow('away');
    return Promise.resolve();
  }

  // For the test.

  setFlow(flow: Flow): void {
    if (flow === this.#flow) return;
    this.#flow = flow;
    this.#events.onFlow(flow);
  }

  deliver(body: Buffer, receivedAtMs: number): void {
    this.#events.onMessage(body, receivedAtMs);
  }

  return(inbox: string, meaning: ReturnMeaning): void {
    this.#events.onReturned(inbox, meaning);
  }
}
