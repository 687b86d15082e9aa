/** What `paygate shadow` may find of a transaction that the old processor has decided. */

/** Where the old processor decides otherwise, and is known to: the contract's sections 2.1, 5 and 7. */
export const KNOWN_DIFFERENCES = {
  charge: 'it rejects every CHARGE, and counts those of its account as 0',
  'whole-refund':
    'it refunds the whole original, whatever the refund asks for (REFUND_AMOUNT=original does, too)',
  'second-refund': 'it refunds once; here what is left can still be refunded, and never more',
  'foreign-card': 'it takes a card of another account',
  'spent-deposit': 'it refunds a deposit that is spent already, so the balance becomes negative',
  'redelivered-refund':
    'it turns a refund that it has approved into a rejected one when its message comes again',
} as const;
export type KnownDifference = keyof typeof KNOWN_DIFFERENCES;

/** Why a transaction cannot be decided again, or its decision not be judged. */
export const NOT_COMPARED = {
  'second-refund-likely':
    'a rejected refund that does not say what it refunds, of an account with an approved one: most likely a second refund',
  'refund-target-unknown': 'a rejected refund that does not say what it refunds',
  'refund-amount-unknown':
    'an approved refund whose row was first seen with the amount that was written over it',
  'original-undecided': 'a refund of something undecided: here it would wait',
  order:
    'right in another order of the decisions that came at about the same time; the table does not keep it',
  'row-invalid': 'no transaction: here it would be a dead letter',
  'given-up': 'its status is ERROR: nothing was decided; it is compared if a later try decides it',
  'not-followed': 'a row from before, changed since and not known to have been PENDING',
} as const;
export type NotCompared = keyof typeof NOT_COMPARED;

/** A decision in the words of the table. */
export interface Told {
  readonly status: string;
  /** What it moves, or asked for; cents. */
  readonly cents: bigint;
  /** Why it is rejected, where that is known. */
  readonly reason: string | null;
}

/** What came of a transaction that was decided again. `theirs`: as the table has it. */
export type Comparison =
  | { readonly kind: 'agrees' }
  | { readonly kind: 'known'; readonly name: KnownDifference; readonly theirs: Told; readonly ours: Told }
  | { readonly kind: 'unknown'; readonly theirs: Told; readonly ours: Told }
  | { readonly kind: 'not-compared'; readonly why: NotCompared };
