import type { Position } from './forward.ts';

/** The owner of the shard, as the directory names it. */
export interface StreamTarget {
  readonly inbox: string;
  readonly epoch: bigint;
}

export interface Outgoing<C> extends Position {
  readonly command: C;
}

export interface ShardStreamOptions {
  /** Commands sent and not settled. */
  readonly windowMax: number;
  /** Commands sent or waiting. The bound is the intake windows; going over it is a mistake of ours and throws. */
  readonly heldMax: number;
  readonly answerTimeoutMs: number;
  readonly silenceDoublingsMax: number;
  /** A target that refused is tried again after this long, if it still is the target. */
  readonly reopenPauseMs: number;
}

type Phase =
  | { readonly kind: 'open'; readonly target: StreamTarget }
  | { readonly kind: 'closed'; readonly refused: StreamTarget | null; readonly untilMs: number };

interface Sent<C> {
  readonly command: C;
  readonly n: number;
  sentAtMs: number;
}

/**
 * The sender's end of the commands of one shard that another node owns. Lives as long as its node.
 *
 * Owns those commands, in order of arrival, from their arrival until they are settled or taken back: first the
 * sent ones, then those that wait. No I/O and no timers: the caller sends what `takeDue` gives it.
 * E1. A command leaves once: settled by an answer of the stream it was last sent in, or in `takeAll`.
 * E2. The order never changes. A stream that closes gives back everything that is not settled, and the next one
 *     begins with the oldest of it, counted from 0.
 * E3. Nothing new is sent while something sent before has to be sent again.
 * E4. A later stream has a higher number, a later target never a lower epoch.
 * E5. `after` tells the truth at any later time, too: what lies between is settled.
 * E6. A stream that opens and is refused again counts as no owner; a target with a newer epoch, and an answer that settles, end that.
 */
export class ShardStream<C> {
  readonly #options: ShardStreamOptions;
  /** Sent and not settled. A map keeps the order in which numbers were first sent, and a hole costs nothing. */
  #sent = new Map<number, Sent<C>>();
  #waiting: C[] = [];
  /** Index of the first waiting one; what is before it has been sent. */
  #head = 0;
  /** To be sent again, oldest last; may name what was settled since. */
  #again: { readonly n: number; readonly after: number }[] = [];
  #phase: Phase = { kind: 'closed', refused: null, untilMs: 0 };
  #stream = 0;
  #nextN = 0;
  #epochMin = 0n;
  #unownedSinceMs: number | null = null;
  /** Of the last target that `lookForOwner` found: a newer one is somebody, answers or not. */
  #ownerEpoch = -1n;
  /** How often the oldest command has been sent again without any answer. */
  #silences = 0;

  constructor(options: ShardStreamOptions) {
    this.#options = options;
  }

  /** Sent or waiting. */
  get count(): number {
    return this.#sent.size + this.#waiting.length - this.#head;
  }

  get oldest(): C | null {
    const [first] = this.#sent.values();
    return first?.command ?? this.#waiting[this.#head] ?? null;
  }

  get target(): StreamTarget | null {
    return this.#phase.kind === 'open' ? this.#phase.target : null;
  }

  /** Since when there has been nobody to send to, as far as `lookForOwner` was asked; null: not so. */
  get unownedSinceMs(): number | null {
    return this.#unownedSinceMs;
  }

  /** To be called from time to time while anything is held. */
  lookForOwner(nowMs: number): 'there' | 'missing' {
    const { target } = this;
    if (target === null) {
      this.#unownedSinceMs ??= nowMs;
      return 'missing';
    }
    if (target.epoch > this.#ownerEpoch) {
      this.#ownerEpoch = target.epoch;
      this.#unownedSinceMs = null;
    }
    return 'there';
  }

  /** When `takeDue` will have something: 0 = now, null = not before something else happens. */
  get dueAtMs(): number | null {
    if (this.#phase.kind === 'closed') return null;
    if (this.#again.length > 0 || this.#maySendNew()) return 0;
    return this.#silentUntilMs();
  }

  add(command: C): void {
    this.#assertRoom();
    this.#waiting.push(command);
  }

  /** One that has been given back late goes to its place: the stream ends, and the next one begins with everything in order. */
  insert(late: C, isLater: (other: C) => boolean): void {
    this.#assertRoom();
    const all = this.#endWithAll();
    const place = all.findIndex(isLater);
    all.splice(place < 0 ? all.length : place, 0, late);
    this.#waiting = all;
  }

  /** What the directory says. May be called at any time and as often as one likes; older news are ignored. */
  aim(target: StreamTarget | null, nowMs: number): void {
    const phase = this.#phase;
    if (target === null) {
      if (phase.kind === 'open') this.#close(null, 0);
      return;
    }
    if (target.epoch < this.#epochMin) return;
    if (phase.kind === 'open' && same(phase.target, target)) return;
    if (phase.kind === 'closed' && same(phase.refused, target) && nowMs < phase.untilMs) return;
    this.#open(target);
  }

  /** At most `max` commands that are to be sent now; they count as sent. */
  takeDue(max: number, nowMs: number): readonly Outgoing<C>[] {
    if (this.#phase.kind === 'closed') return [];
    const { epoch } = this.#phase.target;
    const untilMs = this.#silentUntilMs();
    if (untilMs !== null && nowMs >= untilMs) {
      this.#silences = Math.min(this.#silences + 1, this.#options.silenceDoublingsMax);
      this.#sendAgainFrom(0);
    }
    const due: Outgoing<C>[] = [];
    while (due.length < max) {
      const next = this.#nextAgain(epoch, nowMs) ?? this.#nextNew(epoch, nowMs);
      if (next === undefined) break;
      due.push(next);
    }
    return due;
  }

  /** The owner has settled these. Gives those that were not known to be, in order of the numbers given. */
  settle(stream: number, numbers: readonly number[]): readonly C[] {
    this.#unownedSinceMs = null;
    // Also when the stream is closed: until the next one begins its numbers are still good, and nothing is sent twice for it.
    if (stream !== this.#stream) return [];
    const settled: C[] = [];
    for (const n of numbers) {
      const entry = this.#sent.get(n);
      if (entry === undefined) continue;
      this.#sent.delete(n);
      settled.push(entry.command);
    }
    if (settled.length > 0) this.#silences = 0;
    return settled;
  }

  /** The owner misses `expected`. */
  goBack(stream: number, expected: number): void {
    if (stream !== this.#stream || this.#phase.kind === 'closed') return;
    const next = this.#again.at(-1);
    if (next !== undefined && next.n <= expected) return;
    this.#sendAgainFrom(expected);
  }

  /**
   * The owner takes nothing more of this stream.
   *
   * @param epoch the shard's, if the refusing node knows better.
   * @returns whether that was news: the directory should be read.
   */
  refuse(stream: number, epoch: bigint | null, nowMs: number): boolean {
    if (stream !== this.#stream || this.#phase.kind === 'closed') return false;
    if (epoch !== null && epoch > this.#epochMin) this.#epochMin = epoch;
    this.#close(this.#phase.target, nowMs + this.#options.reopenPauseMs);
    return true;
  }

  /** A message to this inbox came back: nobody reads it. */
  lose(inbox: string, nowMs: number): boolean {
    if (this.#phase.kind === 'closed' || this.#phase.target.inbox !== inbox) return false;
    return this.refuse(this.#stream, null, nowMs);
  }

  /** Everything, in order: the shard has become this node's own. */
  takeAll(): readonly C[] {
    this.#unownedSinceMs = null;
    return this.#endWithAll();
  }

  #assertRoom(): void {
    if (this.count >= this.#options.heldMax)
      throw new Error(`more than ${this.#options.heldMax} commands held for one shard`);
  }

  #endWithAll(): C[] {
    if (this.#phase.kind === 'open') this.#close(null, 0);
    const all = this.#unsettled();
    this.#sent = new Map();
    this.#waiting = [];
    this.#head = 0;
    return all;
  }

  #open(target: StreamTarget): void {
    const count = this.count;
    this.#waiting = this.#unsettled();
    this.#head = 0;
    this.#sent = new Map();
    this.#again = [];
    this.#silences = 0;
    this.#nextN = 0;
    this.#stream += 1;
    this.#epochMin = target.epoch;
    this.#phase = { kind: 'open', target };
    if (this.count !== count) throw new Error('a command was lost between two streams');
  }

  #close(refused: StreamTarget | null, untilMs: number): void {
    this.#again = [];
    this.#phase = { kind: 'closed', refused, untilMs };
  }

  #unsettled(): C[] {
    return [...[...this.#sent.values()].map(({ command }) => command), ...this.#waiting.slice(this.#head)];
  }

  #sendAgainFrom(from: number): void {
    let after = -1;
    this.#again = [];
    for (const n of this.#sent.keys()) {
      if (n <= after) throw new Error('numbers out of order');
      if (n >= from) this.#again.push({ n, after });
      after = n;
    }
    this.#again.reverse();
  }

  #nextAgain(epoch: bigint, nowMs: number): Outgoing<C> | undefined {
    for (let place = this.#again.pop(); place !== undefined; place = this.#again.pop()) {
      const entry = this.#sent.get(place.n);
      if (entry === undefined) continue;
      entry.sentAtMs = nowMs;
      return { epoch, stream: this.#stream, n: place.n, after: place.after, command: entry.command };
    }
    return undefined;
  }

  #nextNew(epoch: bigint, nowMs: number): Outgoing<C> | undefined {
    if (!this.#maySendNew()) return undefined;
    const command = this.#waiting[this.#head];
    if (command === undefined) return undefined;
    this.#head += 1;
    if (this.#head > this.#waiting.length / 2) {
      this.#waiting = this.#waiting.slice(this.#head);
      this.#head = 0;
    }
    const n = this.#nextN;
    // Numbers right before it may be settled already; then the owner has them, and n − 1 is still true.
    const after = this.#sent.size === 0 ? -1 : n - 1;
    this.#nextN += 1;
    this.#sent.set(n, { command, n, sentAtMs: nowMs });
    return { epoch, stream: this.#stream, n, after, command };
  }

  #maySendNew(): boolean {
    return this.#waiting.length > this.#head && this.#sent.size < this.#options.windowMax;
  }

  #silentUntilMs(): number | null {
    const [oldest] = this.#sent.values();
    if (oldest === undefined) return null;
    return oldest.sentAtMs + this.#options.answerTimeoutMs * 2 ** this.#silences;
  }
}

function same(a: StreamTarget | null, b: StreamTarget): boolean {
  return a !== null && a.inbox === b.inbox && a.epoch === b.epoch;
}
