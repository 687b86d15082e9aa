import { LIMITS } from '../../limits.ts';
import type { Flow, Inbox, InboxEvents } from '../../ports/cluster.ts';
import type { LinkState } from '../../ports/connection.ts';
import type { Clock } from '../../ports/runtime.ts';
import { InboxReader } from './inbox-reader.ts';
import { InboxSender } from './inbox-sender.ts';
import type { LinkOptions } from './rabbit-link.ts';

export interface InboxOptions extends LinkOptions {
  /** `inbox.<node>.<incarnation>` */
  readonly inbox: string;
  readonly clock: Clock;
  /** Default `LIMITS.inboxGraceMs`. */
  readonly graceMs?: number;
}

/**
 * Our inbox and the way to those of the others. Owns the two connections, and the pings.
 *
 * I1. Our own inbox is pinged as the peers' are: only what went out by one connection and came in by the other shows that
 *     we can be reached. A broker may drop an exclusive queue without telling its consumer (rabbitmq-server#12949).
 * I2. An own inbox that is returned, or does not give `inboxPingsUnansweredMax` pings back, is built again.
 * I3. What comes back soon after our own connection came up proves nothing: after a restart of the broker every node is
 *     without its inbox, and the first to be back must not take all others for dead.
 * I4. While the broker blocks publications nobody is proven dead, and we are not either.
 */
export class RabbitInbox implements Inbox {
  readonly name: string;
  readonly #events: InboxEvents;
  readonly #clock: Clock;
  readonly #graceMs: number;
  /** When our sending connection came up. */
  #connectedAtMs = Infinity;
  readonly #reader: InboxReader;
  readonly #sender: InboxSender;
  readonly #firstUp: Promise<void>;
  #settleFirstUp: { readonly resolve: () => void; readonly reject: (reason: Error) => void } | null = null;
  #flowBefore: Flow = 'away';
  #watched: readonly string[] = [];
  #reachedAtMs = -Infinity;
  /** Counted, not timed: after a pause of this process the pings that came meanwhile are still to be read. */
  #unansweredPings = 0;
  #cancelPings: () => void;

  constructor(options: InboxOptions, events: InboxEvents) {
    this.name = options.inbox;
    this.#events = events;
    this.#clock = options.clock;
    this.#graceMs = options.graceMs ?? LIMITS.inboxGraceMs;
    this.#firstUp = new Promise((resolve, reject) => {
      this.#settleFirstUp = { resolve, reject };
    });
    // Whoever does not wait must not get an unhandled rejection for it.
    this.#firstUp.catch(() => undefined);
    this.#reader = new InboxReader(options, this.name, {
      onMessage: events.onMessage,
      onPing: (from) => this.#onPing(from),
      onUp: () => this.#onUp(),
    });
    this.#sender = new InboxSender(options, {
      onReturned: (inbox) => this.#onReturned(inbox),
      onFlow: (flow) => this.#onFlow(flow),
    });
    this.#cancelPings = this.#clock.after(LIMITS.inboxPingMs, () => this.#beat());
  }

  ready(): Promise<void> {
    return this.#firstUp;
  }

  state(): LinkState {
    return this.#reader.state();
  }

  flow(): Flow {
    return this.#sender.flow();
  }

  silentMs(): number {
    if (this.#sender.flow() === 'blocked' && this.#reader.state() === 'up') return 0;
    return this.#clock.now() - this.#reachedAtMs;
  }

  send(inbox: string, body: Buffer): Flow {
    if (body.length === 0) throw new RangeError('an empty message is not sent');
    return this.#sender.send(inbox, body);
  }

  watch(inboxes: readonly string[]): void {
    this.#watched = inboxes.filter((inbox) => inbox !== this.name);
  }

  async close(): Promise<void> {
    this.#cancelPings();
    this.#settleFirstUp?.reject(new Error('the inbox was closed before it was up'));
    await Promise.all([this.#reader.close(), this.#sender.close()]);
  }

  #beat(): void {
    this.#cancelPings = this.#clock.after(LIMITS.inboxPingMs, () => this.#beat());
    for (const inbox of this.#watched) this.#sender.ping(inbox, this.name);
    if (this.#reader.state() === 'up') this.#pingOwn();
  }

  #pingOwn(): void {
    if (this.#unansweredPings >= LIMITS.inboxPingsUnansweredMax) {
      this.#rebuild(`${this.#unansweredPings} pings of ours did not come back`);
    } else if (this.#sender.ping(this.name, this.name) === 'open') {
      this.#unansweredPings += 1;
    }
  }

  #onPing(from: string): void {
    if (from !== this.name) return;
    this.#reachedAtMs = this.#clock.now();
    this.#unansweredPings = 0;
  }

  #onUp(): void {
    this.#unansweredPings = 0;
    this.#settleFirstUp?.resolve();
    // Not only with the next beat: until then we do not know that we can be reached.
    this.#pingOwn();
  }

  #onReturned(inbox: string): void {
    if (inbox !== this.name) {
      const isSettled = this.#clock.now() - this.#connectedAtMs >= this.#graceMs;
      this.#events.onReturned(inbox, isSettled ? 'gone' : 'unsure');
      return;
    }
    // While it is being made it is returned, too.
    if (this.#reader.state() === 'up') this.#rebuild('the broker does not know our inbox any more');
  }

  #onFlow(flow: Flow): void {
    const before = this.#flowBefore;
    this.#flowBefore = flow;
    this.#unansweredPings = 0;
    if (before === 'away') this.#connectedAtMs = this.#clock.now();
    if (flow === 'open' && this.#reader.state() === 'up') {
      // It counted as reached up to now, and the first ping is on its way.
      if (before === 'blocked') this.#reachedAtMs = this.#clock.now();
      this.#pingOwn();
    }
    this.#events.onFlow(flow);
  }

  #rebuild(reason: string): void {
    this.#unansweredPings = 0;
    this.#reader.rebuild(new Error(reason));
  }
}
