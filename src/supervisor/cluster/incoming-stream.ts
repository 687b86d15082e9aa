import type { Answer, Position } from './forward.ts';

export type Offer =
  /** It is ours now, and will be answered by `settle`. */
  | { readonly kind: 'take' }
  | { readonly kind: 'answer'; readonly answer: Answer }
  /** Says nothing: an old stream, or something that is being worked on or was complained about already. */
  | { readonly kind: 'ignore' };

export interface IncomingStreamOptions {
  readonly shard: number;
  /** Commands taken and not answered. The sender's window; a sender beyond it is left unheard. */
  readonly windowMax: number;
}

const IGNORE: Offer = { kind: 'ignore' };
const TAKE: Offer = { kind: 'take' };

/**
 * The owner's end of the commands of one shard from one incarnation of a sender.
 *
 * Owns what was taken and not answered, by number; the commands themselves are in the hands of their actors.
 * F1. A command is taken only when all before it are taken in this stream, or settled for good.
 * F2. Nothing is taken twice in a stream: what is being worked on is ignored, what was settled is answered again.
 * F3. Once closed, a stream takes nothing ever again, whatever becomes of the shard. Commands that were taken may
 *     still be settled, or dropped, but none may be dropped while the stream is open.
 * F4. To forget a stream in which nothing is open is always safe: by F1 only a command with everything before it
 *     settled can begin it again, and it comes as a repeat.
 */
export class IncomingStream {
  readonly #options: IncomingStreamOptions;
  readonly #open = new Set<number>();
  #phase: 'taking' | 'closed' = 'closed';
  /** The sender counts its streams from 1. */
  #stream = 0;
  #epoch = 0n;
  #expected = 0;
  /** The number at which the present gap was noticed. */
  #gapSeenAt: number | null = null;

  constructor(options: IncomingStreamOptions) {
    this.#options = options;
  }

  /** Taken and neither settled nor dropped, of the present stream. */
  get openCount(): number {
    return this.#open.size;
  }

  /** @param ownEpoch under which this node takes commands of the shard; null: not at all, or not any more. */
  offer(position: Position, ownEpoch: bigint | null): Offer {
    if (position.stream < this.#stream) return IGNORE;
    if (position.stream > this.#stream) this.#begin(position);
    if (position.epoch !== ownEpoch || position.epoch !== this.#epoch) this.#phase = 'closed';
    if (this.#phase === 'closed') return { kind: 'answer', answer: this.#notOwner(ownEpoch) };
    if (position.n < this.#expected) return this.#again(position.n);
    if (position.after >= this.#expected) return this.#missing(position.n);
    if (this.#open.size >= this.#options.windowMax) return IGNORE;
    return this.#take(position.n);
  }

  /** The outcome of a taken command is durable. True: tell the sender. False: it knows this stream no longer. */
  settle(stream: number, n: number): boolean {
    return stream === this.#stream && this.#open.delete(n);
  }

  /** Takes no more: the shard is being handed off, or lost. The answer is for the sender; null: it has it already. */
  close(ownEpoch: bigint | null): Answer | null {
    if (this.#phase === 'closed') return null;
    this.#phase = 'closed';
    return this.#notOwner(ownEpoch);
  }

  /** A taken command was given back by its actor, and is forgotten here: its sender still has it. */
  drop(stream: number, n: number): void {
    if (stream !== this.#stream) return;
    if (this.#phase === 'taking')
      throw new Error('a command was dropped out of the middle of an open stream');
    this.#open.delete(n);
  }

  /** What was open in an earlier stream the sender sends again in this one, so it is not waited for. */
  #begin({ stream, epoch }: Position): void {
    this.#phase = 'taking';
    this.#stream = stream;
    this.#epoch = epoch;
    this.#expected = 0;
    this.#gapSeenAt = null;
    this.#open.clear();
  }

  #take(n: number): Offer {
    if (n < this.#expected) throw new Error('a command was about to be taken twice');
    this.#open.add(n);
    this.#expected = n + 1;
    this.#gapSeenAt = null;
    return TAKE;
  }

  /** Taken before, since everything that is skipped was settled by the sender's own word. */
  #again(n: number): Offer {
    if (this.#open.has(n)) return IGNORE;
    const { shard } = this.#options;
    return { kind: 'answer', answer: { kind: 'settled', shard, stream: this.#stream, numbers: [n] } };
  }

  /** Said once, and once more when the sender has gone back and something is missing again. */
  #missing(n: number): Offer {
    const said = this.#gapSeenAt !== null && n > this.#gapSeenAt;
    if (said) return IGNORE;
    this.#gapSeenAt = n;
    const { shard } = this.#options;
    return { kind: 'answer', answer: { kind: 'gap', shard, stream: this.#stream, expected: this.#expected } };
  }

  #notOwner(epoch: bigint | null): Answer {
    return { kind: 'not-owner', shard: this.#options.shard, stream: this.#stream, epoch };
  }
}
