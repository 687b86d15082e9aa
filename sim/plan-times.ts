import type { Chance } from './chance.ts';
import { WORK_FROM_MS, WORK_UNTIL_MS } from './plan.ts';

/** When work and faults come: spread over the run, or most of them together, so that there is a backlog when something happens. */
export class Times {
  readonly #chance: Chance;
  readonly #bursts: readonly number[];
  readonly #burstMs: number;

  constructor(chance: Chance) {
    this.#chance = chance;
    const count = chance.happens(0.4) ? 0 : chance.whole(1, 6);
    this.#bursts = Array.from({ length: count }, () => this.#anywhere());
    this.#burstMs = chance.pick([60, 300, 1_500]);
  }

  ofWork(): number {
    if (this.#bursts.length === 0 || this.#chance.happens(0.2)) return this.#anywhere();
    return this.#chance.pick(this.#bursts) + this.#chance.between(0, this.#burstMs);
  }

  ofFault(): number {
    const isAnywhere = this.#bursts.length === 0 || this.#chance.happens(0.4);
    if (isAnywhere) return this.#chance.between(WORK_FROM_MS - 1_000, WORK_UNTIL_MS + 2_000);
    return this.#chance.pick(this.#bursts) + this.#chance.between(-500, this.#burstMs);
  }

  #anywhere(): number {
    return this.#chance.between(WORK_FROM_MS, WORK_UNTIL_MS);
  }
}
