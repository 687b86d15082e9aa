/** What approved rows have moved on an account, cents, both 0 or more. */
interface Moved {
  readonly credits: bigint;
  readonly debits: bigint;
}

const NOTHING: Moved = { credits: 0n, debits: 0n };

interface Movement {
  readonly accountId: string;
  /** Signed cents. */
  readonly effect: bigint;
}

/**
 * What moved on which account at about the same time. The table does not say in which order its rows were decided, nor which balance
 * somebody saw who decided several at once: here are the bounds of what it may have been.
 */
export class Movements {
  readonly #past: ReadonlyMap<string, Moved>;
  readonly #latest: ReadonlyMap<string, Moved>;
  /** Of the latest ones, those that are taken into the balance already. */
  readonly #taken = new Map<string, Moved>();

  constructor(past: ReadonlyMap<string, Moved> = new Map(), latest: ReadonlyMap<string, Moved> = new Map()) {
    this.#past = past;
    this.#latest = latest;
  }

  /** These ones, and then what follows. */
  followedBy(movements: readonly Movement[]): Movements {
    const latest = new Map<string, Moved>();
    for (const { accountId, effect } of movements) latest.set(accountId, plus(latest.get(accountId), effect));
    return new Movements(this.#latest, latest);
  }

  /** The latest alone: what was before them is too long ago for those that come next. */
  latest(): Movements {
    return new Movements(new Map(), this.#latest);
  }

  take(accountId: string, effect: bigint): void {
    this.#taken.set(accountId, plus(this.#taken.get(accountId), effect));
  }

  /** Bounds of the balance that somebody may have seen who decided when `balanceCents` is what the order says. */
  bounds(accountId: string, balanceCents: bigint): { readonly lowest: bigint; readonly highest: bigint } {
    const past = this.#past.get(accountId) ?? NOTHING;
    const all = this.#latest.get(accountId) ?? NOTHING;
    const taken = this.#taken.get(accountId) ?? NOTHING;
    return {
      lowest: balanceCents - past.credits - taken.credits - (all.debits - taken.debits),
      highest: balanceCents + past.debits + taken.debits + (all.credits - taken.credits),
    };
  }
}

function plus(moved: Moved = NOTHING, effect: bigint): Moved {
  return effect > 0n
    ? { ...moved, credits: moved.credits + effect }
    : { ...moved, debits: moved.debits - effect };
}
