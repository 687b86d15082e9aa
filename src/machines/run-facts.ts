import type { Facts, OriginalFact } from '../domain/account.ts';
import { LIMITS } from '../limits.ts';
import type { FactNeeds } from './account-effects.ts';
import type { TransactionEnvelope } from './mailbox.ts';

type CardOwners = ReadonlyMap<string, string | null>;

const NO_CARDS: CardOwners = new Map();
const NO_ORIGINALS: ReadonlyMap<string, OriginalFact> = new Map();

/**
 * What is known of an account's cards and of the originals its run refunds.
 *
 * K1. Only cards that exist are remembered, at most `actorCardsMax`: one that does not exist may be added at any time.
 * K2. Originals are never remembered: each run reads them anew, since what is left of them changes.
 */
export interface KnownFacts {
  /** Remembered from run to run, oldest first. */
  readonly cards: CardOwners;
  /** Of the present run. */
  readonly run: Facts;
}

export const NOTHING_KNOWN: KnownFacts = {
  cards: NO_CARDS,
  run: { cards: NO_CARDS, originals: NO_ORIGINALS },
};

/** Whether the run has anything that must be read first. */
export function needsFacts(run: readonly TransactionEnvelope[], cards: CardOwners): boolean {
  return run.some(({ command }) => refundedId(command) !== null || isUnknownCard(command.cardId, cards));
}

export function factNeeds(run: readonly TransactionEnvelope[], cards: CardOwners): FactNeeds {
  const cardIds = new Set<string>();
  const originalIds = new Set<string>();
  for (const { command } of run) {
    const originalId = refundedId(command);
    if (originalId !== null) originalIds.add(originalId);
    if (isUnknownCard(command.cardId, cards)) cardIds.add(command.cardId);
  }
  return { cardIds: [...cardIds], originalIds: [...originalIds] };
}

/** Adds what was read for the present run. */
export function learn(
  known: KnownFacts,
  read: { readonly cards: CardOwners; readonly originals: ReadonlyMap<string, OriginalFact> },
): KnownFacts {
  if (read.cards.size === 0)
    return { cards: known.cards, run: { cards: known.cards, originals: read.originals } };
  const ofRun = new Map([...known.cards, ...read.cards]);
  const existing = [...ofRun].filter(([, owner]) => owner !== null);
  return {
    cards: new Map(existing.slice(-LIMITS.actorCardsMax)),
    run: { cards: ofRun, originals: read.originals },
  };
}

/** The run is over: only the cards stay. */
export function forgetRun(known: KnownFacts): KnownFacts {
  if (known.run.originals.size === 0 && known.run.cards === known.cards) return known;
  return { cards: known.cards, run: { cards: known.cards, originals: NO_ORIGINALS } };
}

function refundedId(command: TransactionEnvelope['command']): string | null {
  return command.type === 'REFUND' ? command.originalId : null;
}

function isUnknownCard(cardId: string | null, cards: CardOwners): cardId is string {
  return cardId !== null && !cards.has(cardId);
}
