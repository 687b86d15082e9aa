import { Pacer } from '../../actors/pacer.ts';
import { LIMITS } from '../../limits.ts';
import type { Flow, Inbox } from '../../ports/cluster.ts';
import type { Clock } from '../../ports/runtime.ts';
import { encodeAnswers } from './forward-codec.ts';
import type { Answer } from './forward.ts';

export interface AnswerPostOptions {
  readonly incarnation: string;
  readonly inbox: Pick<Inbox, 'send' | 'flow'>;
  readonly clock: Clock;
}

/** What is to be said about one stream. */
interface Waiting {
  readonly stream: number;
  readonly settled: Set<number>;
  gap: Answer | null;
  notOwner: Answer | null;
}

/**
 * Answers on their way back, together per sender and turn.
 *
 * Owns them until they are handed to the connection; lost after that, they are given again when the sender asks again.
 * A1. What waits is bounded: per sender and shard one stream, at most its window of numbers, one gap, one refusal.
 * A2. Settled numbers go before a gap and a gap before a refusal, so that nothing settled is sent again for nothing.
 */
export class AnswerPost {
  readonly #options: AnswerPostOptions;
  /** By inbox, then by shard. */
  readonly #waiting = new Map<string, Map<number, Waiting>>();
  readonly #pacer: Pacer;

  constructor(options: AnswerPostOptions) {
    this.#options = options;
    this.#pacer = new Pacer({
      clock: options.clock,
      growthMs: LIMITS.forwardGatherGrowthMs,
      mostMs: LIMITS.forwardGatherMsMax,
      send: () => this.#flush(),
    });
  }

  add(to: string, answer: Answer): void {
    const waiting = this.#waitingFor(to, answer);
    if (answer.stream < waiting.stream) return;
    switch (answer.kind) {
      case 'settled':
        for (const n of answer.numbers) waiting.settled.add(n);
        break;
      case 'gap':
        waiting.gap = answer;
        break;
      case 'not-owner':
        waiting.notOwner = answer;
        break;
    }
    this.#pacer.schedule();
  }

  /** Nobody reads that inbox any more. */
  forget(inbox: string): void {
    this.#waiting.delete(inbox);
  }

  onFlow(flow: Flow): void {
    if (flow === 'open' && this.#waiting.size > 0) this.#pacer.schedule();
  }

  #waitingFor(to: string, { shard, stream }: Answer): Waiting {
    const shards = this.#waiting.get(to) ?? new Map<number, Waiting>();
    this.#waiting.set(to, shards);
    const present = shards.get(shard);
    if (present !== undefined && present.stream >= stream) return present;
    const fresh = { stream, settled: new Set<number>(), gap: null, notOwner: null };
    shards.set(shard, fresh);
    return fresh;
  }

  /** Gives how many commands were answered for. */
  #flush(): number {
    const { incarnation: from, inbox } = this.#options;
    let count = 0;
    for (const [to, shards] of this.#waiting) {
      // What stays goes out when the broker takes something again.
      if (inbox.flow() !== 'open') break;
      const answers = [...shards].flatMap(([shard, waiting]) => answersOf(shard, waiting));
      for (const { settled } of shards.values()) count += settled.size;
      if (inbox.send(to, encodeAnswers({ from, answers })) === 'open') this.#waiting.delete(to);
    }
    return count;
  }
}

function answersOf(shard: number, { stream, settled, gap, notOwner }: Waiting): Answer[] {
  const answers: Answer[] =
    settled.size === 0 ? [] : [{ kind: 'settled', shard, stream, numbers: [...settled] }];
  if (gap !== null) answers.push(gap);
  if (notOwner !== null) answers.push(notOwner);
  return answers;
}
