import type { AnyActor, InspectionEvent, Subscription } from 'xstate';
import type { StreamMessage, StreamNote, WireEventBody } from '../../contracts/inspection.ts';
import { LIMITS } from '../../limits.ts';
import type { Clock, Logger } from '../../ports/runtime.ts';
import type { Converter } from './converter.ts';
import type { LiveAccounts, Viewer } from './live-accounts.ts';
import { MessageRing } from './message-ring.ts';
import { SecondRate } from './second-rate.ts';

export interface WatchOptions {
  readonly accountId: string;
  readonly nodeId: string;
  /** Of this watch, so that another one's ids are not taken for its own. */
  readonly key: string;
  readonly accounts: LiveAccounts;
  readonly converter: Converter;
  readonly clock: Clock;
  readonly logger: Logger;
}

type Attachment =
  | { readonly kind: 'attached'; readonly actor: AnyActor; readonly observing: readonly Subscription[] }
  | { readonly kind: 'away'; readonly note: StreamNote };

/** Nothing happened: this is how it is. */
const LOOKED_AT: WireEventBody = { type: 'xstate.init' };

/**
 * Looks at one account for all of its viewers.
 *
 * Owns the observers on the account's actor, the last messages, and the viewers.
 * W1. Whatever goes wrong in here never reaches the actor: XState calls observers in the middle of a step and guards nothing.
 * W2. What a viewer gets begins with where the account is; nothing of a later actor comes before that actor was announced.
 * W3. Not more than `inspectMessagesPerSecond`. What was left out is counted, and followed by where the account is then.
 * W4. After `close` no observer of ours is on any actor.
 */
export class AccountWatch {
  readonly #options: WatchOptions;
  readonly #ring = new MessageRing(LIMITS.inspectMessagesMax);
  readonly #rate = new SecondRate(LIMITS.inspectMessagesPerSecond);
  readonly #viewers = new Set<Viewer>();
  #attachment: Attachment;
  #lastEvent: WireEventBody = LOOKED_AT;
  #leftOut = 0;
  #cancelCatchUp: () => void = () => undefined;
  #cancelLook: () => void;

  constructor(options: WatchOptions) {
    this.#options = options;
    this.#attachment = { kind: 'away', note: this.#whereabouts() };
    const actor = options.accounts.actorOf(options.accountId);
    if (actor !== null) this.attach(actor);
    this.#cancelLook = this.#lookLater();
  }

  get viewerCount(): number {
    return this.#viewers.size;
  }

  /** `resumed`: it goes on after the message it had last; `begun`: it is told anew where the account is. */
  add(viewer: Viewer, lastEventId: string | null): 'resumed' | 'begun' {
    const missed = this.#missedSince(lastEventId);
    this.#viewers.add(viewer);
    if (missed === null) for (const message of this.#now()) this.#tell(viewer, this.#ring.lastN, message);
    else for (const { n, message } of missed) this.#tell(viewer, n, message);
    return missed === null ? 'begun' : 'resumed';
  }

  remove(viewer: Viewer): void {
    this.#viewers.delete(viewer);
  }

  /** The account has this actor from now on. */
  attach(actor: AnyActor): void {
    this.#guarded(() => this.#attach(actor));
  }

  #attach(actor: AnyActor): void {
    if (this.#attachment.kind === 'attached') {
      if (this.#attachment.actor === actor) return;
      this.#detach();
    }
    const observing = [
      // The system is that of all accounts.
      actor.system.inspect((event) => {
        if (event.actorRef === actor) this.#guarded(() => this.#observed(event));
      }),
      actor.subscribe({
        complete: () => this.#guarded(() => this.#ended(actor)),
        error: () => this.#guarded(() => this.#ended(actor)),
      }),
    ];
    this.#attachment = { kind: 'attached', actor, observing };
    for (const message of this.#now()) this.#publish(message);
  }

  close(): void {
    this.#detach();
    this.#cancelCatchUp();
    this.#cancelLook();
    for (const viewer of this.#viewers) this.#guarded(() => viewer.end());
    this.#viewers.clear();
  }

  #observed(event: InspectionEvent): void {
    if (event.type !== '@xstate.event' && event.type !== '@xstate.snapshot') return;
    this.#lastEvent = event.event;
    const { clock, converter } = this.#options;
    const share = this.#rate.take(clock.now());
    if (share.kind === 'granted') {
      if (this.#leftOut > 0) this.#catchUp();
      const message = converter.message(event);
      if (message !== null) this.#publish(message);
      return;
    }
    if (this.#leftOut === 0)
      this.#cancelCatchUp = clock.after(share.endsInMs, () => this.#guarded(() => this.#catchUp()));
    this.#leftOut += 1;
  }

  /** W3. */
  #catchUp(): void {
    this.#cancelCatchUp();
    const count = this.#leftOut;
    this.#leftOut = 0;
    if (count > 0) this.#publish({ type: 'paygate.leftOut', accountId: this.#options.accountId, count });
    if (this.#attachment.kind === 'attached')
      this.#publish(this.#options.converter.snapshot(this.#attachment.actor, LOOKED_AT));
  }

  #ended(actor: AnyActor): void {
    if (this.#attachment.kind !== 'attached' || this.#attachment.actor !== actor) return;
    if (this.#leftOut > 0) this.#catchUp();
    // XState tells its inspectors of the last snapshot after this, or, where the actor broke, not at all.
    this.#publish(this.#options.converter.snapshot(actor, this.#lastEvent));
    this.#detach();
    for (const message of this.#now()) this.#publish(message);
  }

  #detach(): void {
    if (this.#attachment.kind === 'attached')
      for (const subscription of this.#attachment.observing) subscription.unsubscribe();
    this.#attachment = { kind: 'away', note: this.#whereabouts() };
  }

  /** Where the account is, for one who knows nothing yet. */
  #now(): readonly StreamMessage[] {
    if (this.#attachment.kind === 'away') return [this.#attachment.note];
    const { accountId, nodeId, converter } = this.#options;
    const { actor } = this.#attachment;
    return [
      { type: 'paygate.live', accountId, node: nodeId },
      converter.actor(actor),
      converter.snapshot(actor, LOOKED_AT),
    ];
  }

  #whereabouts(): StreamNote {
    const { accountId, nodeId: node, accounts } = this.#options;
    const owner = accounts.ownerOf(accountId);
    if (owner.kind === 'here') return { type: 'paygate.inactive', accountId, node };
    return { type: 'paygate.elsewhere', accountId, node, owner: owner.node };
  }

  /** Who owns the account changes without an actor of ours having a part in it. */
  #lookLater(): () => void {
    return this.#options.clock.after(LIMITS.inspectLookMs, () => {
      this.#guarded(() => this.#look());
      this.#cancelLook = this.#lookLater();
    });
  }

  #look(): void {
    if (this.#attachment.kind === 'attached') return;
    const actor = this.#options.accounts.actorOf(this.#options.accountId);
    if (actor !== null) {
      this.attach(actor);
      return;
    }
    const note = this.#whereabouts();
    if (JSON.stringify(note) === JSON.stringify(this.#attachment.note)) return;
    this.#attachment = { kind: 'away', note };
    this.#publish(note);
  }

  #publish(message: StreamMessage): void {
    const { n } = this.#ring.add(message);
    for (const viewer of this.#viewers) this.#tell(viewer, n, message);
  }

  #tell(viewer: Viewer, n: number, message: StreamMessage): void {
    try {
      viewer.send(`${this.#options.key}-${n}`, message);
    } catch (error) {
      this.#viewers.delete(viewer);
      this.#warn(error, 'a viewer threw and was let go');
    }
  }

  #missedSince(lastEventId: string | null): ReturnType<MessageRing['after']> {
    const [key, n = ''] = lastEventId?.split('-') ?? [];
    return key === this.#options.key && /^\d{1,15}$/.test(n) ? this.#ring.after(Number(n)) : null;
  }

  /** W1. */
  #guarded(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.#warn(error, 'a message of the inspector was left out');
    }
  }

  #warn(error: unknown, message: string): void {
    this.#options.logger.warn({ err: error, account_id: this.#options.accountId }, message);
  }
}
