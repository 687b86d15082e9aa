import { decodeMessage } from '../../contracts/decode.ts';
import type { Command } from '../../contracts/command.ts';
import { ensureError } from '../../domain/errors.ts';
import { shardOf } from '../../domain/shard.ts';
import { LIMITS } from '../../limits.ts';
import type { Flow, Inbox, ReturnMeaning } from '../../ports/cluster.ts';
import type { Clock, Logger } from '../../ports/runtime.ts';
import { traceId } from '../../ports/tracing.ts';
import type { Tracing } from '../../ports/tracing.ts';
import { CommandEnvelope } from '../command-envelope.ts';
import type { EnvelopeDesk } from '../command-envelope.ts';
import type { InFlight } from '../in-flight.ts';
import type { Settle } from '../settle.ts';
import { AnswerPost } from './answer-post.ts';
import { ForwardedOrigin } from './forwarded-origin.ts';
import { ForwardLane } from './forward-lane.ts';
import type { Forward, ForwardBatch } from './forward.ts';

export interface ForwardDeskOptions {
  /** Of this run of our node. */
  readonly incarnation: string;
  readonly inbox: Pick<Inbox, 'send' | 'flow'>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly tracing?: Tracing | null;
  readonly inFlight: InFlight;
  readonly settle: Pick<Settle, 'settled' | 'refuse' | 'unhandled'>;
  /** Under which we take commands of the shard; null: not ours, or being handed off. */
  readonly epochOf: (shard: number) => bigint | null;
  /** `Router.route`. */
  readonly route: (envelope: CommandEnvelope) => void;
  /** `Router.giveBack`. */
  readonly giveBack: (envelope: CommandEnvelope) => void;
  /** The next place in the order of arrival, of the same count as the node's own intake. */
  readonly nextN: () => number;
  /** Commands taken and not ended, over all senders; what comes beyond is left unheard, and sent again later. The router's bound includes it. */
  readonly takenMax: number;
}

/** The lanes of one sender, by shard. */
interface Sender {
  readonly replyTo: string;
  readonly lanes: Map<number, ForwardLane>;
}

/** Incarnations remembered; with more, the one silent for longest is forgotten (harmless while it lives: see F4 of `IncomingStream`). */
const SENDERS_MAX = 64;

/**
 * Takes the commands that other nodes send to us as the owner of their shards, and answers for them.
 *
 * Owns which commands of which sender are in our hands. The commands themselves travel as ordinary envelopes.
 * K1. `settled` is answered when the envelope is acknowledged, hence after its outcome is durable, and not before.
 * K2. What is given back is routed again while its sender relies on us for it. Else it is dropped, its stream is closed,
 *     and its sender sends it, with everything after it, to whoever owns the shard.
 * K3. What was taken under an epoch that has ended never reaches an actor: `admit` stands before them.
 * K4. Taken and ended (acknowledged or dropped) balance; `inFlight` counts what is between.
 */
export class ForwardDesk implements EnvelopeDesk {
  readonly #options: ForwardDeskOptions;
  readonly #post: AnswerPost;
  /** By incarnation, the one heard last at the end. */
  readonly #senders = new Map<string, Sender>();
  readonly #takenOf = new Map<number, number>();
  #takenCount = 0;

  constructor(options: ForwardDeskOptions) {
    this.#options = options;
    this.#post = new AnswerPost(options);
  }

  /** Taken and not ended. */
  get takenCount(): number {
    return this.#takenCount;
  }

  /** Of one shard: a hand-off has finished with other nodes' commands when this is 0. */
  takenOf(shard: number): number {
    return this.#takenOf.get(shard) ?? 0;
  }

  /** @param receivedAtMs by our own clock, which is what it is compared with here. */
  receive({ from, replyTo, forwards }: ForwardBatch, receivedAtMs: number): void {
    const { lanes } = this.#senderOf(from, replyTo);
    for (const forward of forwards) {
      // As if it had been lost, and everything behind it.
      if (this.#takenCount >= this.#options.takenMax) return;
      const lane = lanes.get(forward.shard) ?? new ForwardLane(forward.shard, replyTo);
      lanes.set(forward.shard, lane);
      this.#offer(lane, forward, receivedAtMs);
    }
  }

  /** To be asked for every command that the router lets go to an actor. False: it is dropped here. */
  admit(envelope: CommandEnvelope): boolean {
    if (envelope.isOrder) return true;
    const { origin } = envelope;
    if (!(origin instanceof ForwardedOrigin) || this.#isReliedOn(origin)) return true;
    this.#drop(origin);
    return false;
  }

  /** The shard is being handed off, or has been lost: nothing more of it is taken in the streams that there are. */
  close(shard: number): void {
    const ownEpoch = this.#options.epochOf(shard);
    for (const { replyTo, lanes } of this.#senders.values()) {
      const answer = lanes.get(shard)?.close(ownEpoch) ?? null;
      if (answer !== null) this.#post.add(replyTo, answer);
    }
  }

  /** This sender is dead. What was taken from it is decided all the same; nobody is told. */
  forget(incarnation: string): void {
    const sender = this.#senders.get(incarnation);
    if (sender === undefined) return;
    this.#senders.delete(incarnation);
    this.#post.forget(sender.replyTo);
    for (const lane of sender.lanes.values()) lane.forget();
  }

  /** A message to this inbox came back. */
  onReturned(inbox: string, meaning: ReturnMeaning): void {
    if (meaning === 'unsure') return;
    for (const [incarnation, { replyTo }] of this.#senders) if (replyTo === inbox) this.forget(incarnation);
  }

  onFlow(flow: Flow): void {
    this.#post.onFlow(flow);
  }

  settled(...args: Parameters<EnvelopeDesk['settled']>): void {
    this.#options.settle.settled(...args);
  }

  givenBack(envelope: CommandEnvelope): void {
    if (this.admit(envelope)) this.#options.giveBack(envelope);
  }

  #senderOf(incarnation: string, replyTo: string): Sender {
    const sender = this.#senders.get(incarnation) ?? { replyTo, lanes: new Map<number, ForwardLane>() };
    this.#senders.delete(incarnation);
    const [silent] = this.#senders.keys();
    if (this.#senders.size >= SENDERS_MAX && silent !== undefined) this.forget(silent);
    this.#senders.set(incarnation, sender);
    return sender;
  }

  #offer(lane: ForwardLane, forward: Forward, receivedAtMs: number): void {
    const offer = lane.offer(forward, this.#options.epochOf(forward.shard));
    if (offer.kind === 'answer') this.#post.add(lane.replyTo, offer.answer);
    if (offer.kind === 'take') this.#take(lane, forward, receivedAtMs);
  }

  #take(lane: ForwardLane, forward: Forward, receivedAtMs: number): void {
    const { inFlight, logger, settle, route, tracing } = this.#options;
    const { traceparent } = forward;
    const trace = tracing == null ? null : tracing.received({ from: 'inbox', traceparent });
    const origin = new ForwardedOrigin(lane, forward, trace, (ended) => this.#acknowledged(ended));
    inFlight.enter();
    this.#count(lane.shard, 1);
    const decoded = decodeMessage(forward.queue, forward.body);
    if (!decoded.ok) {
      // Its sender has only glanced at it: a delivery, since retries are read where they begin.
      settle.refuse(origin, decoded.refusal, receivedAtMs, null);
      return;
    }
    const { command } = decoded;
    try {
      route(this.#envelopeOf(origin, forward, command, receivedAtMs));
    } catch (error) {
      const { queue, shard } = forward;
      logger.error({ err: error, queue, shard, ...traceId(trace) }, 'a forward could not be handled');
      settle.unhandled(origin, ensureError(error).message, receivedAtMs, retryOf(forward, command));
    }
  }

  #envelopeOf(
    origin: ForwardedOrigin,
    forward: Forward,
    command: Command,
    receivedAtMs: number,
  ): CommandEnvelope {
    const shard = shardOf(command.accountId, LIMITS.shardCount);
    if (shard !== forward.shard)
      throw new Error(`a command of shard ${shard} was sent as one of shard ${forward.shard}`);
    const { road, attempt, deferredFor, mayDecideError, firstSeenAtMs } = forward;
    const n = this.#options.nextN();
    return new CommandEnvelope(
      { command, origin, road, shard, n, attempt, deferredFor, mayDecideError, receivedAtMs, firstSeenAtMs },
      this,
    );
  }

  #isReliedOn(origin: ForwardedOrigin): boolean {
    return origin.lane.reliesOnUs(origin, this.#options.epochOf(origin.lane.shard));
  }

  #acknowledged(origin: ForwardedOrigin): void {
    const { lane } = origin;
    this.#count(lane.shard, -1);
    const answer = lane.settle(origin);
    if (answer !== null) this.#post.add(lane.replyTo, answer);
  }

  #drop(origin: ForwardedOrigin): void {
    const { lane } = origin;
    this.#count(lane.shard, -1);
    this.#options.inFlight.leave();
    origin.trace?.end();
    const answer = lane.drop(origin, this.#options.epochOf(lane.shard));
    if (answer !== null) this.#post.add(lane.replyTo, answer);
  }

  #count(shard: number, change: 1 | -1): void {
    const count = this.takenOf(shard) + change;
    if (count < 0) throw new Error('a forwarded command ended twice');
    this.#takenCount += change;
    if (count === 0) this.#takenOf.delete(shard);
    else this.#takenOf.set(shard, count);
  }
}

/** The retry whose row is to be struck off. */
function retryOf({ road }: Forward, command: Command): string | null {
  return road === 'retry' && command.kind === 'transaction' ? command.transactionId : null;
}
