import { LIMITS } from '../../src/limits.ts';
import type { Flow, Inbox, InboxEvents } from '../../src/ports/cluster.ts';
import type { LinkState } from '../../src/ports/connection.ts';
import { FirstUp } from './first-up.ts';
import type { InboxEnd } from './sim-broker.ts';
import type { BrokerSide } from './sim-intake.ts';

/** What the network between nodes does to a message. */
export type PostFate = 'arrives' | 'lost' | 'doubled' | 'late';

/** Says what becomes of a message. `ping`: an empty one. */
export type Post = (from: string, to: string, kind: 'ping' | 'message') => PostFate;

const RECONNECT_MS = 150;
/** How much later than its turn a message comes that is overtaken. */
const LATE_MS_MAX = 400;
const EMPTY = Buffer.alloc(0);

/**
 * A node's inbox and its way to the others', as RabbitMQ carries them: in order for each sender, or not at all; what is sent to an
 * inbox that does not exist comes back. Pings as the real one does (a look at our own inbox, and at the peers').
 */
export class SimInbox implements Inbox, InboxEnd {
  readonly name: string;
  readonly #side: BrokerSide;
  readonly #events: InboxEvents;
  readonly #post: Post;
  readonly #firstUp = new FirstUp();
  #flow: Flow = 'away';
  #watched: readonly string[] = [];
  #reachedAtMs = -Infinity;
  #connectedAtMs = Infinity;
  #sentUntilMs = 0;
  #arrivedUntilMs = 0;
  #isClosed = false;

  constructor(name: string, side: BrokerSide, events: InboxEvents, post: Post) {
    this.name = name;
    this.#side = side;
    this.#events = events;
    this.#post = post;
    side.process.clock.after(side.link.delayMs(), () => this.#connect());
    this.#beatLater();
  }

  ready(): Promise<void> {
    return this.#firstUp.promise;
  }

  state(): LinkState {
    return this.#flow === 'away' ? 'down' : 'up';
  }

  flow(): Flow {
    return this.#flow;
  }

  silentMs(): number {
    if (this.#flow === 'blocked') return 0;
    return this.#side.process.clock.now() - this.#reachedAtMs;
  }

  send(inbox: string, body: Buffer): Flow {
    if (body.length === 0) throw new RangeError('an empty message is not sent');
    if (this.#flow === 'open') this.#carry(inbox, Buffer.from(body));
    return this.#flow;
  }

  watch(inboxes: readonly string[]): void {
    this.#watched = inboxes.filter((inbox) => inbox !== this.name);
  }

  close(): Promise<void> {
    this.#isClosed = true;
    this.#flow = 'away';
    this.#firstUp.isClosed(this.name);
    this.#side.broker.inboxes.delete(this.name);
    return Promise.resolve();
  }

  /** The connection is gone, and the inbox with it; the process finds out when it runs. */
  dropped(): void {
    this.#side.broker.inboxes.delete(this.name);
    this.#side.process.run(() => {
      if (this.#flow === 'away' || this.#isClosed) return;
      this.#flow = 'away';
      this.#events.onFlow('away');
      this.#side.process.clock.after(RECONNECT_MS, () => this.#connect());
    });
  }

  /** The broker takes no publications any more, or takes them again. */
  alarmed(): void {
    this.#side.process.run(() => {
      const flow = this.#side.broker.isAlarmed ? 'blocked' : 'open';
      if (this.#flow === 'away' || this.#flow === flow || this.#isClosed) return;
      if (flow === 'open') this.#reachedAtMs = this.#side.process.clock.now();
      this.#flow = flow;
      this.#events.onFlow(flow);
    });
  }

  #connect(): void {
    if (this.#isClosed || this.#flow !== 'away') return;
    const { link, broker, process } = this.#side;
    if (!link.isUp) {
      process.clock.after(RECONNECT_MS, () => this.#connect());
      return;
    }
    broker.inboxes.set(this.name, this);
    this.#flow = broker.isAlarmed ? 'blocked' : 'open';
    this.#connectedAtMs = process.clock.now();
    if (this.#flow === 'open') this.#carry(this.name, EMPTY);
    this.#events.onFlow(this.#flow);
    this.#firstUp.isUp();
  }

  #beatLater(): void {
    this.#side.process.clock.after(LIMITS.inboxPingMs, () => {
      if (this.#isClosed) return;
      this.#beatLater();
      if (this.#flow !== 'open') return;
      for (const inbox of [...this.#watched, this.name]) this.#carry(inbox, EMPTY);
    });
  }

  #carry(to: string, body: Buffer): void {
    const { time, link, chance } = this.#side;
    const fate = this.#post(this.name, to, body.length === 0 ? 'ping' : 'message');
    if (fate === 'lost') return;
    if (fate === 'late') {
      time.after(link.delayMs() + chance.between(0, LATE_MS_MAX), () => this.#atBroker(to, body));
      return;
    }
    for (let copies = fate === 'doubled' ? 2 : 1; copies > 0; copies -= 1) {
      this.#sentUntilMs = Math.max(this.#sentUntilMs, time.nowMs + link.delayMs());
      time.after(this.#sentUntilMs - time.nowMs, () => this.#atBroker(to, body));
    }
  }

  #atBroker(to: string, body: Buffer): void {
    const { link, broker } = this.#side;
    if (!link.isUp) return;
    const inbox = broker.inboxes.get(to);
    if (inbox !== undefined) inbox.arrive(this.name, body);
    else this.#return(to);
  }

  arrive(from: string, body: Buffer): void {
    const { time, link, process } = this.#side;
    this.#arrivedUntilMs = Math.max(this.#arrivedUntilMs, time.nowMs + link.delayMs());
    time.after(this.#arrivedUntilMs - time.nowMs, () => {
      if (!link.isUp) return;
      process.run(() => {
        if (this.#isClosed) return;
        if (body.length > 0) this.#events.onMessage(body, process.clock.now());
        else if (from === this.name) this.#reachedAtMs = process.clock.now();
      });
    });
  }

  #return(to: string): void {
    const { time, link, process } = this.#side;
    time.after(link.delayMs(), () => {
      if (!link.isUp) return;
      process.run(() => {
        if (this.#isClosed || to === this.name) return;
        const isSettled = process.clock.now() - this.#connectedAtMs >= LIMITS.inboxGraceMs;
        this.#events.onReturned(to, isSettled ? 'gone' : 'unsure');
      });
    });
  }
}
