import type { AccountState } from '../domain/account.ts';
import type { Settlement } from '../domain/settlement.ts';
import type { AccountChange } from '../ports/ledger.ts';
import type { AccountEvent } from './account-effects.ts';
import type { AccountContext } from './account-context.ts';

/**
 * What an onlooker gets to see of an account. Lists what is shown, so that what is added later is not: no idempotency
 * key, no card, no payload, no text that came from outside or from a database.
 */

/** Decisions of one commit that are shown. */
const SHOWN_MAX = 20;

export function discloseContext(context: AccountContext): object {
  const { place, mailbox } = context;
  return {
    accountId: place.accountId,
    shard: place.shard,
    epoch: place.epoch,
    ...(context.state === null ? { state: null } : { state: discloseState(context.state) }),
    waiting: mailbox.waitingCount,
    deciding: mailbox.run.length,
    parked: context.parked,
    loadFailures: context.loadFailures,
    setbacks: context.setbacks,
    aloneLeft: context.aloneLeft,
    refusals: context.refusals,
    quarantine: context.quarantine,
    stopReason: context.stopReason,
  };
}

/** Events that are not in here are shown by their name: the rest of them is nothing, or text. */
const SHOWN: {
  readonly [T in AccountEvent['type']]?: (event: Extract<AccountEvent, { type: T }>) => object;
} = {
  hydrated: ({ state }) => ({ state: state === null ? null : discloseState(state) }),
  'change.committed': ({ change }) => discloseChange(change),
  'change.leftOut': ({ settlements }) => ({ settlements: settlements.slice(0, SHOWN_MAX).map(kindOf) }),
  'order.ended': ({ result, state }) => ({ result: result.kind, state: discloseState(state) }),
  'parked.taken': ({ envelopes }) => ({ count: envelopes.length }),
  'facts.loaded': ({ cards, originals }) => ({ cards: cards.size, originals: originals.size }),
  stop: ({ reason }) => ({ reason }),
};

/** Also of XState's own events. */
export function discloseEvent(event: AccountEvent): { readonly type: string } {
  const shown = SHOWN[event.type] as ((event: AccountEvent) => object) | undefined;
  return { type: event.type, ...shown?.(event) };
}

function discloseState({ balanceCents, seq, status, overdraftCents }: AccountState): object {
  return { balanceCents, seq, status, overdraftCents };
}

function discloseChange({ decisions, balanceCents, previousSeq }: AccountChange): object {
  return {
    balanceCents,
    previousSeq,
    count: decisions.length,
    decisions: decisions.slice(0, SHOWN_MAX).map((decision) => ({
      transactionId: decision.command.transactionId,
      type: decision.command.type,
      outcome: decision.outcome,
      reason: decision.reason,
      seq: decision.seq,
      amountCents: decision.amountCents,
      balanceAfterCents: decision.balanceAfterCents,
    })),
  };
}

const kindOf = (settlement: Settlement | null): string => settlement?.kind ?? 'decide again';
