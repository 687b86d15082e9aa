import { LIMITS } from '../limits.ts';
import { noHistory } from '../domain/rules/history.ts';
import { accountParts } from './account-parts.ts';
import { NOTHING_KNOWN } from './run-facts.ts';

/**
 * The statechart of one account: one actor decides its commands, in the order of delivery, one commit at a time.
 *
 * Owns the account's committed state and what was accepted and not answered (the mailbox).
 * Does no I/O: everything outside is asked for through `effects`, which report back by events.
 *
 * C1. A command is in the mailbox before the chart hears of it, so no state, stop or crash can lose it. In every
 *     state `command.arrived` is either acted upon or needs no action, because the mailbox is looked at later.
 * C2. The run is empty except in `loading` and `committing`, and an order is in hand only in `ordering`. Whatever is not
 *     settled there goes back to the head.
 * C3. The state is what the last commit known to have happened left. A commit whose outcome is not known, or a view
 *     that proved old, is never guessed at: read again, decide again.
 * C4. A decision is settled after its commit; a deferral, which commits nothing here, at once.
 * C5. Without progress every further try comes later than the one before.
 * C6. Commands that were parked are decided before everything newer: while the ledger may have more of them, nothing
 *     else is taken up.
 * C7. A quarantined account decides operators' orders and nothing else. Balance requests are answered, all else is parked.
 *
 * C8. A run is decided under the rule set that is in force at that moment, and only with a past that is complete for it: a set
 *     that looks further back makes the account read again.
 *
 * Deciding is an action on the way into `committing`, not a state of its own: two steps per command (taken, committed), some 4 µs with the
 * decision, is what 20,000 a second leave room for.
 */

/** What an active account does when something waits; looked at on every arrival and after every commit. */
const TAKE_UP = [
  { guard: 'mustReadAgain', target: '#account.hydrating' },
  { guard: 'moreIsParked', target: 'takingUp' },
  { guard: 'orderIsNext', target: '#account.ordering', actions: 'answerBalancesAndTakeOrder' },
  { guard: 'factsAreMissing', target: 'loading', actions: 'answerBalancesAndTakeRun' },
  { guard: 'somethingWaits', target: 'committing', actions: 'answerBalancesAndTakeRun' },
] as const;

/** The view of the account may be old: read it again, the second time in a row after a pause. */
const READ_AGAIN = [
  { guard: 'hadASetback', target: '#account.backingOff', actions: ['putRunBack', 'noteSetback'] },
  { target: '#account.hydrating', actions: ['putRunBack', 'noteSetback'] },
] as const;

export const accountMachine = accountParts.createMachine({
  id: 'account',
  context: ({ input }) => ({
    place: input.place,
    rules: input.rules,
    mailbox: input.mailbox,
    effects: input.effects,
    state: null,
    history: noHistory(-Infinity),
    parked: 'none',
    known: NOTHING_KNOWN,
    askedFor: 0,
    loadFailures: 0,
    setbacks: 0,
    aloneLeft: 0,
    refusals: 0,
    quarantine: null,
    parkReason: 'the account is quarantined',
    stopReason: 'idle',
  }),
  options: { maxIterations: LIMITS.actorStepsMax },
  initial: 'hydrating',
  on: {
    'command.arrived': { description: 'In the mailbox already; looked at when the present work is over.' },
    passivate: { description: 'Refused: there is work.' },
    'parked.seen': { actions: 'noteParkedSeen' },
    quarantine: { actions: 'noteQuarantine' },
    stop: { target: '.stopped', actions: 'noteStop' },
  },
  states: {
    hydrating: {
      entry: ['noteReading', 'hydrate'],
      on: {
        hydrated: [
          { guard: 'accountIsUnknown', target: 'unknown' },
          { guard: 'accountIsQuarantined', target: 'quarantined', actions: 'noteState' },
          { target: 'active', actions: 'noteState' },
        ],
        'hydration.failed': { target: 'backingOff', actions: 'noteLoadFailure' },
      },
    },
    backingOff: {
      entry: 'pause',
      on: { 'pause.over': 'hydrating' },
    },
    unknown: {
      description:
        'Not kept: an account may be created at any time. What came after the question asks again.',
      entry: 'refuseAsUnknown',
      always: [
        { guard: 'somethingWaits', target: 'hydrating' },
        { target: 'stopped', actions: 'noteUnknown' },
      ],
    },
    active: {
      initial: 'idle',
      states: {
        idle: {
          always: TAKE_UP,
          on: {
            'command.arrived': TAKE_UP,
            passivate: { target: '#account.stopped' },
          },
        },
        takingUp: {
          entry: 'takeParked',
          on: {
            'parked.taken': { target: 'idle', actions: ['acceptParked', 'noteParkedTaken'] },
            'parked.failed': { target: '#account.backingOff', actions: 'noteLoadFailure' },
          },
        },
        loading: {
          entry: 'load',
          on: {
            'facts.loaded': { target: 'committing', actions: 'noteFacts' },
            'facts.failed': { target: '#account.backingOff', actions: ['putRunBack', 'noteLoadFailure'] },
          },
        },
        committing: {
          entry: 'decideAndPropose',
          always: { guard: 'nothingIsDecided', target: 'idle', actions: 'noteNothingDecided' },
          on: {
            'change.committed': { target: 'idle', actions: ['noteCommit', 'settleDecided'] },
            'change.leftOut': [
              {
                guard: 'someCommandEnds',
                target: 'idle',
                actions: ['noteFound', 'settleFound', 'putRunBack'],
              },
              {
                description: 'They may stand in the way of each other: one by one from here.',
                target: '#account.backingOff',
                actions: ['noteAlone', 'putRunBack', 'noteSetback'],
              },
            ],
            'change.stale': READ_AGAIN,
            'change.unknown': READ_AGAIN,
            'change.busy': { target: '#account.backingOff', actions: ['putRunBack', 'noteSetback'] },
            'change.refused': [
              { guard: 'isLastRefusal', target: 'idle', actions: ['noteRefusedEnd', 'settleRefused'] },
              { target: 'idle', actions: ['noteRefusal', 'noteAlone', 'putRunBack'] },
            ],
            'change.fenced': { target: '#account.lost', actions: 'noteFenced' },
          },
        },
      },
    },
    quarantined: {
      entry: ['leaveParked', 'setAside'],
      always: { guard: 'orderIsNext', target: 'ordering', actions: 'answerBalancesAndTakeOrder' },
      on: {
        'command.arrived': { actions: 'setAside' },
        'parked.seen': { description: 'They stay where they are.' },
        passivate: { target: 'stopped' },
      },
    },
    ordering: {
      entry: 'carryOut',
      on: {
        'order.ended': [
          {
            description: 'What was parked comes first: look for it.',
            guard: 'quarantineHasEnded',
            target: 'hydrating',
            actions: ['noteOrder', 'settleOrder'],
          },
          { guard: 'staysQuarantined', target: 'quarantined', actions: ['noteOrder', 'settleOrder'] },
          { target: 'active', actions: ['noteOrder', 'settleOrder'] },
        ],
        'order.stale': READ_AGAIN,
        'order.busy': { target: 'backingOff', actions: ['putRunBack', 'noteSetback'] },
        'order.fenced': { target: 'lost', actions: 'noteFenced' },
      },
    },
    stopped: { type: 'final', entry: 'end' },
    lost: { type: 'final', entry: 'end' },
  },
});
