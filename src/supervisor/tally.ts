import type { TransactionType } from '../contracts/command.ts';
import type { Outcome } from '../domain/codes.ts';
import type { Clock, Metrics } from '../ports/runtime.ts';

type RepeatKind = 'already_decided' | 'same_key';

interface Decided {
  APPROVED: number;
  REJECTED: number;
}

const none = (): Decided => ({ APPROVED: 0, REJECTED: 0 });

/** Counts what happens to single messages in plain numbers and reports them once a turn: metrics cost nothing per message. */
export class Tally {
  readonly #metrics: Metrics;
  readonly #clock: Clock;
  /** By queue. */
  readonly #received = new Map<string, number>();
  readonly #decided: Record<TransactionType, Decided> = {
    DEPOSIT: none(),
    PURCHASE: none(),
    CHARGE: none(),
    REFUND: none(),
  };
  readonly #repeated: Record<RepeatKind, number> = { already_decided: 0, same_key: 0 };
  /** By flag: `<reject|flag|shadow>:<rule>`. */
  readonly #flagged = new Map<string, number>();
  #scheduled = false;

  constructor(metrics: Metrics, clock: Clock) {
    this.#metrics = metrics;
    this.#clock = clock;
  }

  received(queue: string): void {
    this.#received.set(queue, (this.#received.get(queue) ?? 0) + 1);
    this.#schedule();
  }

  decided(type: TransactionType, outcome: Outcome): void {
    this.#decided[type][outcome] += 1;
    this.#schedule();
  }

  flagged(flags: readonly string[]): void {
    for (const flag of flags) this.#flagged.set(flag, (this.#flagged.get(flag) ?? 0) + 1);
    if (flags.length > 0) this.#schedule();
  }

  repeated(kind: RepeatKind): void {
    this.#repeated[kind] += 1;
    this.#schedule();
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#clock.soon(() => this.#report());
  }

  #report(): void {
    this.#scheduled = false;
    for (const [queue, count] of this.#received) this.#metrics.received(queue, count);
    this.#received.clear();
    for (const type of Object.keys(this.#decided) as TransactionType[]) {
      const counts = this.#decided[type];
      if (counts.APPROVED > 0) this.#metrics.decided(type, 'APPROVED', counts.APPROVED);
      if (counts.REJECTED > 0) this.#metrics.decided(type, 'REJECTED', counts.REJECTED);
      // Not a new one: V8 would take it for long-lived.
      counts.APPROVED = 0;
      counts.REJECTED = 0;
    }
    for (const [flag, count] of this.#flagged) {
      const [action = '', rule = ''] = flag.split(':');
      this.#metrics.ruleMatched(rule, action, count);
    }
    this.#flagged.clear();
    for (const kind of ['already_decided', 'same_key'] as const) {
      if (this.#repeated[kind] > 0) this.#metrics.repeated(kind, this.#repeated[kind]);
      this.#repeated[kind] = 0;
    }
  }
}
