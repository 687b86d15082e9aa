import { LIMITS } from '../../limits.ts';
import type { Answer, Position } from './forward.ts';
import { IncomingStream } from './incoming-stream.ts';
import type { Offer } from './incoming-stream.ts';

/** A command's place in a lane, and the epoch it was taken under. */
export type Taken = Pick<Position, 'epoch' | 'stream' | 'n'>;

/** The commands of one shard from one sender: an `IncomingStream`, and which of its streams is the present one. */
export class ForwardLane {
  readonly shard: number;
  /** Where the answers go. */
  readonly replyTo: string;
  readonly #incoming: IncomingStream;
  #stream = 0;
  #phase: 'open' | 'closed' | 'forgotten' = 'closed';

  constructor(shard: number, replyTo: string) {
    this.shard = shard;
    this.replyTo = replyTo;
    this.#incoming = new IncomingStream({ shard, windowMax: LIMITS.forwardWindowMax });
  }

  offer(position: Position, ownEpoch: bigint | null): Offer {
    const offer = this.#incoming.offer(position, ownEpoch);
    if (position.stream >= this.#stream) {
      this.#stream = position.stream;
      this.#phase = offer.kind === 'answer' && offer.answer.kind === 'not-owner' ? 'closed' : 'open';
    }
    return offer;
  }

  /** Whether its sender relies on us for this command: else it sends it again, to whoever owns the shard. */
  reliesOnUs({ epoch, stream }: Taken, ownEpoch: bigint | null): boolean {
    return this.#phase === 'open' && stream === this.#stream && epoch === ownEpoch;
  }

  /** What to tell the sender; null: nothing, it does not wait for this any more. */
  settle({ stream, n }: Taken): Answer | null {
    if (!this.#incoming.settle(stream, n) || this.#phase === 'forgotten') return null;
    return { kind: 'settled', shard: this.shard, stream, numbers: [n] };
  }

  /** Of the present stream nothing more is taken. What to tell the sender; null: it knows. */
  close(ownEpoch: bigint | null): Answer | null {
    if (this.#phase === 'open') this.#phase = 'closed';
    return this.#incoming.close(ownEpoch);
  }

  /** Nobody waits for answers any more. */
  forget(): void {
    this.close(null);
    this.#phase = 'forgotten';
  }

  /**
   * A command that nobody relies on has been given back. If it is the present stream's, that one ends with it.
   *
   * @returns what to tell the sender; null: nothing.
   */
  drop({ stream, n }: Taken, ownEpoch: bigint | null): Answer | null {
    const answer = stream === this.#stream ? this.close(ownEpoch) : null;
    this.#incoming.drop(stream, n);
    return this.#phase === 'forgotten' ? null : answer;
  }
}
