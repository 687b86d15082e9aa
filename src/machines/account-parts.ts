import { assign, setup } from 'xstate';
import type { AccountState } from '../domain/account.ts';
import { judgeOrder } from '../domain/judge-order.ts';
import { covers, historyAfter } from '../domain/rules/history.ts';
import type { Settlement } from '../domain/settlement.ts';
import { LIMITS } from '../limits.ts';
import type { AccountContext } from './account-context.ts';
import type { AccountEvent, AccountInput } from './account-effects.ts';
import type { AccountChange } from '../ports/ledger.ts';
import { decide, decidedSettlements, stateAfter } from './run-decision.ts';
import { factNeeds, forgetRun, learn, needsFacts, NOTHING_KNOWN } from './run-facts.ts';

const runMax = ({ aloneLeft }: AccountContext): number => (aloneLeft > 0 ? 1 : LIMITS.actorBatchMax);

function committedState({ state, place }: AccountContext): AccountState {
  if (state === null) throw new Error(`account ${place.accountId} was used before it was read`);
  return state;
}

/** Commands ended: the next setback is a first one again. One literal: spread into another, it would double the cost of a command. */
function progress(
  { aloneLeft }: AccountContext,
  endedCount: number,
  { state, history, known }: Pick<AccountContext, 'state' | 'history' | 'known'>,
): Partial<AccountContext> {
  return {
    state,
    history,
    known,
    setbacks: 0,
    refusals: 0,
    aloneLeft: Math.max(0, aloneLeft - endedCount),
  };
}

/** The rules that are in force now look further back than what is remembered. */
function rulesWantMore({ effects, history, mailbox }: AccountContext): boolean {
  return mailbox.waitingCount > 0 && !covers(history.kept, effects.ruleSet()?.needs ?? null);
}

/** For the compiler only. */
const types = {} as { context: AccountContext; events: AccountEvent; input: AccountInput };

/** Guards and actions of the account's statechart, by the names the chart uses. */
export const accountParts = setup({
  types,
  guards: {
    mustReadAgain: ({ context }) => context.quarantine !== null || rulesWantMore(context),
    moreIsParked: ({ context }) => context.parked === 'left' && context.mailbox.parkedCount === 0,
    orderIsNext: ({ context }) => context.mailbox.orderIsNext,
    somethingWaits: ({ context }) => context.mailbox.waitingCount > 0,
    factsAreMissing: ({ context }) =>
      needsFacts(context.mailbox.nextRun(runMax(context)), context.known.cards),
    nothingIsDecided: ({ context }) => context.mailbox.run.length === 0,
    hadASetback: ({ context }) => context.setbacks > 0,
    isLastRefusal: ({ context }) =>
      context.mailbox.run.length === 1 && context.refusals + 1 >= LIMITS.commitRefusedMax,
    quarantineHasEnded: ({ context, event }) =>
      event.type === 'order.ended' &&
      context.state?.status === 'quarantined' &&
      event.state.status !== 'quarantined',
    staysQuarantined: ({ event }) => event.type === 'order.ended' && event.state.status === 'quarantined',
    accountIsUnknown: ({ event }) => event.type === 'hydrated' && event.state === null,
    accountIsQuarantined: ({ event }) => event.type === 'hydrated' && event.state?.status === 'quarantined',
    someCommandEnds: ({ event }) =>
      event.type === 'change.leftOut' && event.settlements.some((settlement) => settlement !== null),
  },
  actions: {
    hydrate: ({ context }) => context.effects.hydrate(),
    pause: ({ context }) => context.effects.pause(Math.max(1, context.loadFailures, context.setbacks)),
    refuseAsUnknown: ({ context }) => refuseAsUnknown(context),
    leaveParked: ({ context }) => void context.mailbox.giveBackParked('stopped'),
    setAside: ({ context }) => setAside(context),
    takeParked: ({ context }) => context.effects.takeParked(),
    acceptParked: ({ context, event }) => {
      if (event.type === 'parked.taken') context.mailbox.acceptParked(event.envelopes);
    },
    answerBalancesAndTakeOrder: ({ context }) => {
      answerBalances(context);
      context.mailbox.takeOrder();
    },
    carryOut: ({ context }) => carryOut(context),
    settleOrder: ({ context, event }) => {
      if (event.type === 'order.ended')
        context.mailbox.settleOrder({ kind: 'operated', result: event.result });
    },
    answerBalancesAndTakeRun: ({ context }) => {
      answerBalances(context);
      context.mailbox.takeRun(runMax(context));
    },
    load: ({ context }) => context.effects.load(factNeeds(context.mailbox.run, context.known.cards)),
    decideAndPropose: ({ context }) => decideAndPropose(context),
    putRunBack: ({ context }) => context.mailbox.putBack(),
    settleDecided: ({ context, event }) => {
      if (event.type === 'change.committed') context.mailbox.settleRun(decidedSettlements(event.change));
    },
    settleFound: ({ context, event }) => {
      if (event.type === 'change.leftOut') context.mailbox.settleRun(event.settlements);
    },
    settleRefused: ({ context, event }) => {
      if (event.type !== 'change.refused') return;
      context.mailbox.settleRun([{ kind: 'failed', code: 'COMMIT_REFUSED', detail: event.detail }]);
    },
    end: ({ context }) => context.effects.end(context.stopReason),
    noteReading: assign({ askedFor: ({ context }) => context.mailbox.waitingCount, quarantine: null }),
    noteState: assign(({ event }) => {
      if (event.type !== 'hydrated' || event.state === null) return {};
      const { history } = event;
      const { accountId, balanceCents, seq, status, overdraftCents, hasParked } = event.state;
      const state = { accountId, balanceCents, seq, status, overdraftCents };
      return { state, history, parked: hasParked ? 'left' : 'none', known: NOTHING_KNOWN, loadFailures: 0 };
    }),
    noteParkedSeen: assign({ parked: 'left' }),
    noteParkedTaken: assign(({ event }) =>
      event.type === 'parked.taken'
        ? { parked: event.envelopes.length === 0 ? 'none' : 'left', loadFailures: 0 }
        : {},
    ),
    noteOrder: assign(({ context, event }) =>
      event.type === 'order.ended' ? progress(context, 0, { ...context, state: event.state }) : {},
    ),
    noteFacts: assign(({ context, event }) =>
      event.type === 'facts.loaded' ? { known: learn(context.known, event), loadFailures: 0 } : {},
    ),
    noteCommit: assign(({ context, event }) =>
      event.type === 'change.committed' ? afterCommit(context, event.change) : {},
    ),
    noteNothingDecided: assign(({ context }) =>
      progress(context, 0, { ...context, known: forgetRun(context.known) }),
    ),
    noteFound: assign(({ context, event }) => {
      if (event.type !== 'change.leftOut') return {};
      const endedCount = event.settlements.filter((settlement) => settlement !== null).length;
      return progress(context, endedCount, { ...context, known: NOTHING_KNOWN });
    }),
    noteRefusal: assign({
      refusals: ({ context }) => (context.mailbox.run.length === 1 ? context.refusals + 1 : 0),
    }),
    noteAlone: assign({
      aloneLeft: ({ context }) => Math.max(context.aloneLeft, context.mailbox.run.length),
    }),
    noteRefusedEnd: assign(({ context }) =>
      progress(context, 1, { ...context, known: forgetRun(context.known) }),
    ),
    noteLoadFailure: assign({ loadFailures: ({ context }) => context.loadFailures + 1 }),
    noteSetback: assign({ setbacks: ({ context }) => context.setbacks + 1 }),
    noteQuarantine: assign(({ event }) =>
      event.type === 'quarantine' ? { quarantine: 'unread', parkReason: event.reason } : {},
    ),
    noteStop: assign({
      stopReason: ({ context, event }) => (event.type === 'stop' ? event.reason : context.stopReason),
    }),
    noteUnknown: assign({ stopReason: 'unknown' }),
    noteFenced: assign({ stopReason: 'fenced' }),
  },
});

function afterCommit(context: AccountContext, change: AccountChange): Partial<AccountContext> {
  const { decisions } = change;
  const needs = context.effects.ruleSet()?.needs ?? null;
  return progress(context, decisions.length, {
    state: stateAfter(committedState(context), change),
    history: historyAfter(context.history, decisions, needs),
    known: forgetRun(context.known),
  });
}

function answerBalances(context: AccountContext): void {
  const { mailbox, effects } = context;
  let request = mailbox.takeBalanceRequest();
  while (request !== undefined) {
    effects.answerBalance(request, committedState(context));
    request = mailbox.takeBalanceRequest();
  }
}

function decideAndPropose(context: AccountContext): void {
  const { place, rules, mailbox, effects, known, history } = context;
  if (mailbox.run.length === 0) return;
  const ruleSet = effects.ruleSet();
  if (!covers(history.kept, ruleSet?.needs ?? null)) {
    // New rules came while cards or originals were read: the past is read first.
    mailbox.putBack();
    return;
  }
  const circumstances = { place, rules, facts: known.run, ruleSet, history, nowMs: effects.now() };
  const { change, deferrals, deferredCount } = decide(committedState(context), mailbox.run, circumstances);
  if (deferredCount > 0) mailbox.settleRun(deferrals);
  if (change !== null) effects.propose(change);
}

function carryOut(context: AccountContext): void {
  const { place, mailbox, effects } = context;
  const { shard, epoch } = place;
  const state = committedState(context);
  if (mailbox.order === null) throw new Error(`account ${place.accountId} has no order to carry out`);
  const { command } = mailbox.order;
  effects.order({ shard, epoch, state, command, judgement: judgeOrder(state, command.action) });
}

function refuseAsUnknown({ mailbox, place, askedFor }: AccountContext): void {
  const detail = `there is no account ${place.accountId}`;
  mailbox.settleWaiting(askedFor, (envelope): Settlement =>
    envelope.command.kind === 'operator'
      ? { kind: 'operated', result: { kind: 'refused', detail } }
      : { kind: 'failed', code: 'ACCOUNT_UNKNOWN', detail },
  );
}

/** Up to the next order: balances are answered, everything else is parked. */
function setAside(context: AccountContext): void {
  const { mailbox, parkReason } = context;
  const parked = (): Settlement => ({ kind: 'parked', reason: parkReason });
  answerBalances(context);
  while (mailbox.waitingCount > 0 && !mailbox.orderIsNext) {
    mailbox.settleWaiting(1, parked);
    answerBalances(context);
  }
}
