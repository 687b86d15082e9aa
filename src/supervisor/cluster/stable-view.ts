/** What one look at the membership showed. `unknown`: it could not be looked at. */
export type View =
  { readonly kind: 'known'; readonly live: ReadonlySet<string> } | { readonly kind: 'unknown' };

export interface StableViewOptions {
  readonly startedAtMs: number;
  /** Nothing is said before this has passed: the nodes of a cluster that boots come up one after the other. */
  readonly graceMs: number;
  /** How long a proof of death outweighs what is seen: the time a dead node's record stays, one lease time. */
  readonly deathHoldMs: number;
}

/**
 * Which nodes count, out of successive looks at the membership.
 *
 * Owns the last known view, the nodes that count, and the proofs of death that still hold.
 * V1. A node comes in, or goes out, when two known views running agree on it. A view that is unknown neither counts
 *     nor interrupts: while Redis is away nothing moves.
 * V2. A proof of death puts a node out at once, and its record, which outlives it, does not bring it back.
 * V3. A proof can be wrong: a broker that restarts loses the queues of the living. Who is still seen after
 *     `deathHoldMs` comes in again by V1.
 * V4. Until the grace period is over and two views are known, nothing is said.
 */
export class StableView {
  readonly #options: StableViewOptions;
  /** Until when a node counts as dead. */
  readonly #dead = new Map<string, number>();
  #last: ReadonlySet<string> | null = null;
  #counted: ReadonlySet<string> = new Set();
  #phase: 'starting' | 'speaking' = 'starting';

  constructor(options: StableViewOptions) {
    this.#options = options;
  }

  /** The nodes that count, sorted; null: too early to say. */
  get nodes(): readonly string[] | null {
    return this.#phase === 'starting' ? null : [...this.#counted].sort();
  }

  observe(view: View, nowMs: number): void {
    if (view.kind === 'unknown') return;
    this.#bury(nowMs);
    const seen = new Set([...view.live].filter((node) => !this.#dead.has(node)));
    const before = this.#last;
    this.#last = seen;
    if (before === null) return;
    const kept = [...this.#counted].filter((node) => before.has(node) || seen.has(node));
    const joined = [...seen].filter((node) => before.has(node));
    this.#counted = new Set([...kept, ...joined]);
    if (nowMs - this.#options.startedAtMs >= this.#options.graceMs) this.#phase = 'speaking';
  }

  /** A message to the node came back: its connection is gone. */
  proveDead(node: string, nowMs: number): void {
    this.#dead.set(node, nowMs + this.#options.deathHoldMs);
    this.#counted = without(this.#counted, node);
    if (this.#last !== null) this.#last = without(this.#last, node);
  }

  /** Forgets proofs that have had their time. */
  #bury(nowMs: number): void {
    for (const [node, untilMs] of this.#dead) if (nowMs >= untilMs) this.#dead.delete(node);
  }
}

function without(nodes: ReadonlySet<string>, gone: string): ReadonlySet<string> {
  return new Set([...nodes].filter((node) => node !== gone));
}
