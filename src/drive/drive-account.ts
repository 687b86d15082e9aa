import type { SeededRandom } from './seeded-random.ts';

/** User names of the accounts that drive makes begin like this: the mark by which it knows its own. */
export const DRIVE_USERNAME_PREFIX = 'drive-';

export interface DriveCard {
  readonly id: string;
  readonly token: string;
  readonly lastFourDigits: string;
}

export interface DriveAccount {
  readonly id: string;
  readonly username: string;
  /** None, one or two. */
  readonly cards: readonly DriveCard[];
}

/** `plan` says what they are like, `ids` what they are called: the same plan can be driven again with new ids. */
export function makeAccounts(count: number, plan: SeededRandom, ids: SeededRandom): readonly DriveAccount[] {
  return Array.from({ length: count }, () => {
    const id = ids.uuid();
    const cards = Array.from({ length: plan.below(5) % 3 }, () => makeCard(plan, ids));
    return { id, username: `${DRIVE_USERNAME_PREFIX}${id}`, cards };
  });
}

function makeCard(plan: SeededRandom, ids: SeededRandom): DriveCard {
  const id = ids.uuid();
  return {
    id,
    token: `${DRIVE_USERNAME_PREFIX}${id}`,
    lastFourDigits: String(plan.below(10_000)).padStart(4, '0'),
  };
}
