import { LIMITS } from '../../limits.ts';
import type { Flow, Inbox } from '../../ports/cluster.ts';
import type { Clock } from '../../ports/runtime.ts';
import { Pacer } from '../../actors/pacer.ts';
import type { CommandEnvelope } from '../command-envelope.ts';
import { batchesOf } from './forward-batches.ts';
import { encodeForwards } from './forward-codec.ts';
import { ForwardedOrigin } from './forwarded-origin.ts';
import type { Answer, AnswerBatch, Forward } from './forward.ts';
import { ShardLocations } from './shard-locations.ts';
import type { ShardLocationsOptions } from './shard-locations.ts';
import { ShardStream } from './shard-stream.ts';
import type { Outgoing } from './shard-stream.ts';

export interface ForwarderOptions {
  /** Of this run of our node. */
  readonly incarnation: string;
  readonly inbox: Pick<Inbox, 'name' | 'send' | 'flow'>;
  readonly watch: ShardLocationsOptions['watch'];
  readonly clock: Clock;
  /** The owner has made the outcome durable: acknowledge, and nothing else (see `endElsewhere`). Must not throw. */
  readonly ended: (envelope: CommandEnvelope) => void;
  /** Takes back, by place of arrival, what is ours to decide now: `Router.giveBack`. */
  readonly giveBack: (envelope: CommandEnvelope) => void;
  /** Commands held over all shards: the intake windows and the retries in flight. */
  readonly heldMax: number;
}

interface Lane {
  readonly stream: ShardStream<CommandEnvelope>;
  /** The newest that ever came. */
  newestN: number;
}

/**
 * Sends the commands of other nodes' shards to their owners, and holds them until their outcomes are durable.
 *
 * Owns every command from `take` until it has ended there or is taken back; one stream per shard for the life of the node.
 * P1. A command leaves once: to `ended`, when its owner has answered for it, to `giveBack`, when its shard
 *     is ours, or to whoever calls `release`.
 * P2. Per shard the order of arrival (`n`) is kept, whoever the owner is; one that comes late goes to its place.
 * P3. Nothing is sent while the broker takes nothing, and what it did not take is sent before anything newer.
 * P4. While anything is held there is a timer: an owner that does not answer is asked again, and its name looked up.
 * P5. One hop: what came from another node, or from an operator, goes back to the desk it came over, never on to a third
 *     node.
 */
export class Forwarder {
  readonly #options: ForwarderOptions;
  readonly #locations: ShardLocations;
  readonly #lanes = new Map<number, Lane>();
  /** Shards that hold something. */
  readonly #active = new Set<number>();
  /** Of those, the ones to be looked at in this turn's flush. */
  readonly #due = new Set<number>();
  #heldCount = 0;
  readonly #pacer: Pacer;
  #cancelTick: (() => void) | null = null;

  constructor(options: ForwarderOptions) {
    const { watch, inbox, clock } = options;
    this.#options = options;
    this.#pacer = new Pacer({
      clock,
      growthMs: LIMITS.forwardGatherGrowthMs,
      mostMs: LIMITS.forwardGatherMsMax,
      send: () => this.#flush(),
    });
    this.#locations = new ShardLocations({
      watch,
      ownInbox: inbox.name,
      clock,
      onRead: () => this.#lookAtAll(),
    });
  }

  /** Held over all shards, sent or not. */
  get heldCount(): number {
    return this.#heldCount;
  }

  /** When the oldest of them came, in milliseconds since the epoch; null: nothing is held. */
  get oldestReceivedAtMs(): number | null {
    const arrivals = [...this.#active].map((shard) => this.#laneOf(shard).stream.oldest?.receivedAtMs);
    const known = arrivals.filter((arrivedAtMs) => arrivedAtMs !== undefined);
    return known.length === 0 ? null : Math.min(...known);
  }

  heldOf(shard: number): number {
    return this.#lanes.get(shard)?.stream.count ?? 0;
  }

  /** A command of a shard that is not ours, and of which nothing is in the hands of our own actors any more. */
  take(envelope: CommandEnvelope): void {
    if (envelope.isOrder || envelope.origin instanceof ForwardedOrigin) {
      envelope.giveBack('fenced');
      return;
    }
    if (this.#heldCount >= this.#options.heldMax)
      throw new Error(`more than ${this.#options.heldMax} commands held for other nodes`);
    const lane = this.#laneOf(envelope.shard);
    if (envelope.n > lane.newestN) lane.stream.add(envelope);
    else lane.stream.insert(envelope, ({ n }) => n > envelope.n);
    lane.newestN = Math.max(lane.newestN, envelope.n);
    envelope.trace?.enter('forward');
    this.#heldCount += 1;
    this.#active.add(envelope.shard);
    this.#lookAt(envelope.shard);
    this.#keepTicking();
  }

  /** The shard is ours now: everything held of it goes back, oldest first. */
  takeBack(shard: number): void {
    for (const envelope of this.release(shard)) this.#options.giveBack(envelope);
  }

  /** Shards that hold something and have had nobody to send it to for so long. */
  unowned(forMs: number): readonly number[] {
    const sinceMs = this.#options.clock.now() - forMs;
    return [...this.#active].filter(
      (shard) => (this.#laneOf(shard).stream.unownedSinceMs ?? Infinity) <= sinceMs,
    );
  }

  /** Lets go of everything held of the shard, oldest first: it is the caller's now. */
  release(shard: number): readonly CommandEnvelope[] {
    const lane = this.#lanes.get(shard);
    if (lane === undefined) return [];
    const all = lane.stream.takeAll();
    this.#active.delete(shard);
    this.#due.delete(shard);
    this.#heldCount -= all.length;
    return all;
  }

  /** Owners may have changed: membership says so, or a hand-off. */
  nudge(): void {
    this.#locations.nudge();
  }

  answered({ answers }: AnswerBatch): void {
    for (const answer of answers) this.#answered(answer);
  }

  /** A message to this inbox came back: nobody reads it at the moment. */
  onReturned(inbox: string): void {
    const nowMs = this.#options.clock.now();
    let wasNews = false;
    for (const shard of this.#active) {
      if (this.#laneOf(shard).stream.lose(inbox, nowMs)) wasNews = true;
    }
    if (wasNews) this.#locations.nudge();
  }

  onFlow(flow: Flow): void {
    if (flow === 'open') this.#lookAtAll();
  }

  /** Sends nothing more. What is held stays unacknowledged. */
  stop(): void {
    this.#pacer.stop();
    this.#cancelTick?.();
    this.#locations.stop();
  }

  #laneOf(shard: number): Lane {
    const present = this.#lanes.get(shard);
    if (present !== undefined) return present;
    const stream = new ShardStream<CommandEnvelope>({
      windowMax: LIMITS.forwardWindowMax,
      heldMax: this.#options.heldMax,
      answerTimeoutMs: LIMITS.forwardAnswerTimeoutMs,
      silenceDoublingsMax: LIMITS.forwardSilenceDoublingsMax,
      reopenPauseMs: LIMITS.forwardReopenPauseMs,
    });
    const lane = { stream, newestN: -1 };
    this.#lanes.set(shard, lane);
    return lane;
  }

  #answered(answer: Answer): void {
    const { shard } = answer;
    const lane = this.#lanes.get(shard);
    if (lane === undefined) return;
    const { stream } = lane;
    switch (answer.kind) {
      case 'settled':
        this.#end(stream.settle(answer.stream, answer.numbers));
        if (stream.count === 0) this.#active.delete(shard);
        break;
      case 'gap':
        stream.goBack(answer.stream, answer.expected);
        break;
      case 'not-owner':
        if (stream.refuse(answer.stream, answer.epoch, this.#options.clock.now())) this.#locations.nudge();
        break;
    }
    if (this.#active.has(shard)) this.#lookAt(shard);
  }

  #end(envelopes: readonly CommandEnvelope[]): void {
    this.#heldCount -= envelopes.length;
    for (const envelope of envelopes) this.#options.ended(envelope);
  }

  #lookAtAll(): void {
    for (const shard of this.#active) this.#lookAt(shard);
  }

  #lookAt(shard: number): void {
    this.#due.add(shard);
    this.#pacer.schedule();
  }

  /** Gives how many were sent. */
  #flush(): number {
    // Not even taken out of the streams: what counts as sent is waited for.
    if (this.#options.inbox.flow() !== 'open') return 0;
    let count = 0;
    for (const [inbox, forwards] of this.#takeDue()) {
      this.#send(inbox, forwards);
      count += forwards.length;
    }
    return count;
  }

  #takeDue(): ReadonlyMap<string, readonly Forward[]> {
    const byInbox = new Map<string, Forward[]>();
    const nowMs = this.#options.clock.now();
    for (const shard of this.#due) {
      const { stream } = this.#laneOf(shard);
      stream.aim(this.#locations.targetOf(shard), nowMs);
      const inbox = stream.target?.inbox;
      if (inbox === undefined) {
        this.#locations.nudge();
        continue;
      }
      const forwards = byInbox.get(inbox) ?? [];
      byInbox.set(inbox, forwards);
      for (const outgoing of stream.takeDue(LIMITS.forwardWindowMax, nowMs)) {
        forwards.push(forwardOf(outgoing));
        // Whoever gets it after this may not be the first who handles it.
        outgoing.command.origin.redelivered = true;
      }
    }
    this.#due.clear();
    return byInbox;
  }

  #send(to: string, forwards: readonly Forward[]): void {
    const { incarnation: from, inbox } = this.#options;
    let flow = inbox.flow();
    for (const batch of batchesOf(forwards)) {
      if (flow === 'open')
        flow = inbox.send(to, encodeForwards({ from, replyTo: inbox.name, forwards: batch }));
      // Not sent after all. It goes out, with everything after it, when the broker takes something again.
      if (flow !== 'open')
        for (const { shard, stream, n } of batch) this.#laneOf(shard).stream.goBack(stream, n);
    }
  }

  #keepTicking(): void {
    this.#cancelTick ??= this.#options.clock.after(LIMITS.forwardReopenPauseMs, () => this.#tick());
  }

  /** Looks for streams without owner, and for owners that are silent: they may have been replaced. */
  #tick(): void {
    this.#cancelTick = null;
    if (this.#active.size === 0) return;
    this.#keepTicking();
    if (this.#options.inbox.flow() !== 'open') return;
    const nowMs = this.#options.clock.now();
    for (const shard of this.#active) {
      const { stream } = this.#laneOf(shard);
      const isMissing = stream.lookForOwner(nowMs) === 'missing';
      const { dueAtMs } = stream;
      const isSilent = dueAtMs !== null && dueAtMs > 0 && dueAtMs <= nowMs;
      if (isMissing || isSilent) this.#locations.nudge();
      if (isMissing || (dueAtMs !== null && dueAtMs <= nowMs)) this.#lookAt(shard);
    }
  }
}

/** Field by field: made for every command, and spreading the parts into each other cost more than all the rest of sending it. */
function forwardOf({ command: envelope, epoch, stream, n, after }: Outgoing<CommandEnvelope>): Forward {
  const { origin, trace } = envelope;
  const forward: Forward = {
    epoch,
    stream,
    n,
    after,
    shard: envelope.shard,
    queue: origin.queue,
    road: envelope.road,
    attempt: envelope.attempt,
    deferredFor: envelope.deferredFor,
    mayDecideError: envelope.mayDecideError,
    redelivered: origin.redelivered,
    receivedAtMs: envelope.receivedAtMs,
    firstSeenAtMs: envelope.firstSeenAtMs,
    body: origin.body,
  };
  return trace === null ? forward : { ...forward, traceparent: trace.traceparent };
}
