/**
 * Without this: some state drops a command, some event in some state leaves a command without an answer, two reads or
 * commits are under way at once, or a state that is drawn can never be reached.
 *
 * The walk goes through the chart breadth first, up to `DEPTH_MAX` events from the start: in every situation it comes to,
 * every event is tried, also those that make no sense there. Each path is walked twice, by XState and by the quick machine that
 * actors run on: what they do and where they come to must be the same.
 */
import { isDeepStrictEqual } from 'node:util';
import { describe, expect, it } from 'vitest';
import { createActor } from 'xstate';
import type { Actor } from 'xstate';
import type { AccountStatus } from '../../../src/domain/codes.ts';
import { noHistory } from '../../../src/domain/rules/history.ts';
import { ensureError } from '../../../src/domain/errors.ts';
import type {
  AccountEffects,
  AccountEvent,
  FactNeeds,
  StopReason,
} from '../../../src/machines/account-effects.ts';
import { accountMachine } from '../../../src/machines/account-machine.ts';
import { Mailbox } from '../../../src/machines/mailbox.ts';
import { quickMachine } from '../../../src/machines/quick-machine.ts';
import { contextWith } from '../../../src/machines/account-context.ts';
import type { BalanceEnvelope } from '../../../src/machines/mailbox.ts';
import type { AccountChange, HydratedAccount } from '../../../src/ports/ledger.ts';
import type { AccountOrder } from '../../../src/ports/operator-ledger.ts';
import {
  accountIdOf,
  balanceRequest,
  FakeEnvelope,
  operatorOrder,
  transaction,
  transactionIdOf,
} from '../../support/fakes/fake-envelope.ts';

/** As nodes run it. */
const QUICK_MACHINE = quickMachine(accountMachine, undefined, contextWith);
const DEPTH_MAX = 7;
/** Longer paths are walked by the quick machine alone. */
const COMPARED_DEPTH_MAX = 6;
const COMMANDS_MAX = 3;
const PARKED_MAX = 3;

const readState = (status: AccountStatus, hasParked = false): HydratedAccount => ({
  accountId: accountIdOf(1),
  balanceCents: 500n,
  seq: 3n,
  status,
  overdraftCents: 0n,
  hasParked,
  lastEventMs: -Infinity,
});

const history = noHistory(-Infinity);

/** What an effect was asked for and has not reported yet. */
type UnderWay = 'nothing' | 'hydrate' | 'load' | 'propose' | 'order' | 'take parked' | 'pause';

class Walker implements AccountEffects {
  readonly accepted: FakeEnvelope[] = [];
  /** Taken out of the ledger. */
  readonly parked: FakeEnvelope[] = [];
  readonly mailbox = new Mailbox();
  readonly ends: StopReason[] = [];
  underWay: UnderWay = 'nothing';
  readonly overlaps: string[] = [];
  #change: AccountChange | null = null;
  #order: AccountOrder | null = null;
  #needs: FactNeeds = { cardIds: [], originalIds: [] };
  readonly #actor: Actor<typeof accountMachine>;
  thrown: unknown = null;
  /** What was asked of the effects, in order. */
  readonly asked: unknown[] = [];

  constructor(logic = QUICK_MACHINE) {
    this.#actor = createActor(logic, {
      input: {
        place: { accountId: accountIdOf(1), shard: 0, epoch: 1n },
        rules: { refundAmount: 'message', refundWaitMs: 1_000 },
        mailbox: this.mailbox,
        effects: this,
      },
    });
    this.#actor.subscribe({
      error: (error) => {
        this.thrown = error;
      },
    });
    this.#actor.start();
  }

  get at(): string {
    const { value } = this.#actor.getSnapshot();
    return typeof value === 'string' ? value : Object.entries(value).flat().join('.');
  }

  /** All that can be seen of it. */
  get seen(): unknown {
    const { value, status, context, tags, _nodes } = this.#actor.getSnapshot();
    const remembered = { ...context, mailbox: this.mailbox.waitingCount, effects: null };
    const nodes = _nodes.map(({ id }) => id);
    const outcomes = this.accepted.map(({ ending }) => ending);
    return { value, status, tags, nodes, remembered, outcomes, asked: this.asked, ends: this.ends };
  }

  /** Situations that differ in nothing that matters to the chart are one. */
  get situation(): string {
    const { aloneLeft, refusals, setbacks, loadFailures, quarantine, askedFor, parked, state } =
      this.#actor.getSnapshot().context;
    const counters = [aloneLeft, refusals, setbacks, loadFailures, askedFor].map((n) => Math.min(n, 2));
    const kinds = this.mailbox.run.concat().map(({ command }) => command.type);
    const waiting = this.open.map(({ command }) => command.kind);
    const { parkedCount } = this.mailbox;
    const more = [quarantine, parked, parkedCount, this.parked.length, state?.status];
    return [this.at, this.accepted.length, ...kinds, '|', ...waiting, ...counters, ...more].join(' ');
  }

  get open(): readonly FakeEnvelope[] {
    return [...this.parked, ...this.accepted].filter(({ isOpen }) => isOpen);
  }

  ruleSet(): null {
    return null;
  }

  hydrate(): void {
    this.#begin('hydrate');
  }

  load(needs: FactNeeds): void {
    this.#needs = needs;
    this.#begin('load', needs);
  }

  propose(change: AccountChange): void {
    this.#change = change;
    this.#begin('propose', change);
  }

  order(order: AccountOrder): void {
    this.#order = order;
    this.#begin('order', order);
  }

  takeParked(): void {
    this.#begin('take parked');
  }

  pause(): void {
    this.#begin('pause');
  }

  answerBalance(request: BalanceEnvelope): void {
    request.settle({ kind: 'answered' });
  }

  end(reason: StopReason): void {
    this.ends.push(reason);
  }

  now(): number {
    return 1_800_000_000_000;
  }

  /** A step by name. Reports of effects that are not under way are sent too: the chart must not mind. */
  step(name: StepName): void {
    const { effect, event } = STEPS[name];
    if (effect === this.underWay) this.underWay = 'nothing';
    const built = event(this);
    if (built !== null) this.#actor.send(built);
  }

  arrive(envelope: FakeEnvelope): null {
    if (this.accepted.length < COMMANDS_MAX) {
      this.accepted.push(envelope);
      this.mailbox.accept(envelope);
      this.#actor.send({ type: 'command.arrived' });
    }
    return null;
  }

  facts(): AccountEvent {
    const cards = new Map(this.#needs.cardIds.map((id) => [id, null]));
    const fact = { accountId: accountIdOf(1), type: 'DEPOSIT', amountCents: 9n, cardId: null } as const;
    const originals = new Map(
      this.#needs.originalIds.map((id) => [
        id,
        { ...fact, transactionId: id, status: 'APPROVED' as const, refundedCents: 0n, hasRow: true },
      ]),
    );
    return { type: 'facts.loaded', cards, originals };
  }

  /** As an adapter would: those that come when nobody asked are not in the mailbox. */
  parkedTaken(count: number): AccountEvent {
    const room = this.at === 'active.takingUp' ? PARKED_MAX - this.parked.length : 0;
    const first = 50 + this.parked.length;
    const envelopes = Array.from(
      { length: Math.min(count, room) },
      (_, n) => new FakeEnvelope(transaction(first + n)),
    );
    this.parked.push(...envelopes);
    return { type: 'parked.taken', envelopes };
  }

  orderEnded(status: AccountStatus | 'same'): AccountEvent | null {
    if (this.#order === null) return null;
    const { state } = this.#order;
    if (status === 'same') return { type: 'order.ended', result: { kind: 'refused', detail: 'test' }, state };
    const { seq, balanceCents, overdraftCents } = state;
    const result = { kind: 'done', seq: seq + 1n, balanceCents, overdraftCents, status } as const;
    return { type: 'order.ended', result, state: { ...state, seq: seq + 1n, status } };
  }

  /** null where nothing was ever proposed: such an event cannot be made. */
  get lastChange(): AccountChange | null {
    return this.#change;
  }

  #begin(effect: Exclude<UnderWay, 'nothing'>, what: unknown = null): void {
    this.asked.push([effect, what]);
    if (this.underWay !== 'nothing') this.overlaps.push(`${effect} during ${this.underWay}`);
    this.underWay = effect;
  }
}

interface Step {
  /** The effect that this reports the end of. */
  readonly effect: UnderWay | null;
  readonly event: (walker: Walker) => AccountEvent | null;
}

const own = (name: string, walker: Walker): FakeEnvelope => {
  const n = walker.accepted.length;
  if (name === 'order') return new FakeEnvelope(operatorOrder(n, { kind: 'freeze' }));
  if (name === 'balance') return new FakeEnvelope(balanceRequest());
  if (name === 'refund') {
    return new FakeEnvelope(
      transaction(n, { type: 'REFUND', originalId: transactionIdOf(90), amountCents: 5n }),
    );
  }
  return new FakeEnvelope(transaction(n));
};

const leftOut =
  (endsFirst: boolean) =>
  ({ lastChange }: Walker): AccountEvent | null =>
    lastChange && {
      type: 'change.leftOut',
      settlements: lastChange.decisions.map((_, index) =>
        endsFirst && index === 0 ? ({ kind: 'deferred', code: 'ROW_MISSING' } as const) : null,
      ),
    };

const STEPS = {
  deposit: { effect: null, event: (walker) => walker.arrive(own('deposit', walker)) },
  refund: { effect: null, event: (walker) => walker.arrive(own('refund', walker)) },
  balance: { effect: null, event: (walker) => walker.arrive(own('balance', walker)) },
  order: { effect: null, event: (walker) => walker.arrive(own('order', walker)) },
  passivate: { effect: null, event: () => ({ type: 'passivate' }) },
  stop: { effect: null, event: () => ({ type: 'stop', reason: 'stopped' }) },
  'parked.seen': { effect: null, event: () => ({ type: 'parked.seen' }) },
  quarantine: { effect: null, event: () => ({ type: 'quarantine', reason: 'test' }) },
  hydrated: { effect: 'hydrate', event: () => ({ type: 'hydrated', state: readState('active'), history }) },
  'hydrated unknown': { effect: 'hydrate', event: () => ({ type: 'hydrated', state: null, history }) },
  'hydrated quarantined': {
    effect: 'hydrate',
    event: () => ({ type: 'hydrated', state: readState('quarantined'), history }),
  },
  'hydrated with parked': {
    effect: 'hydrate',
    event: () => ({ type: 'hydrated', state: readState('frozen', true), history }),
  },
  'parked.taken': { effect: 'take parked', event: (walker) => walker.parkedTaken(2) },
  'parked.taken none': { effect: 'take parked', event: (walker) => walker.parkedTaken(0) },
  'parked.failed': { effect: 'take parked', event: () => ({ type: 'parked.failed', error: 'test' }) },
  'order.ended': { effect: 'order', event: (walker) => walker.orderEnded('active') },
  'order.ended refused': { effect: 'order', event: (walker) => walker.orderEnded('same') },
  'order.stale': { effect: 'order', event: () => ({ type: 'order.stale' }) },
  'order.busy': { effect: 'order', event: () => ({ type: 'order.busy' }) },
  'order.fenced': { effect: 'order', event: () => ({ type: 'order.fenced' }) },
  'hydration.failed': { effect: 'hydrate', event: () => ({ type: 'hydration.failed', error: 'test' }) },
  'facts.loaded': { effect: 'load', event: (walker) => walker.facts() },
  'facts.failed': { effect: 'load', event: () => ({ type: 'facts.failed', error: 'test' }) },
  'pause.over': { effect: 'pause', event: () => ({ type: 'pause.over' }) },
  'change.committed': {
    effect: 'propose',
    event: ({ lastChange }) => lastChange && { type: 'change.committed', change: lastChange },
  },
  'change.leftOut one ends': { effect: 'propose', event: leftOut(true) },
  'change.leftOut none ends': { effect: 'propose', event: leftOut(false) },
  'change.stale': { effect: 'propose', event: () => ({ type: 'change.stale' }) },
  'change.fenced': { effect: 'propose', event: () => ({ type: 'change.fenced' }) },
  'change.refused': { effect: 'propose', event: () => ({ type: 'change.refused', detail: 'test' }) },
  'change.busy': { effect: 'propose', event: () => ({ type: 'change.busy' }) },
  'change.unknown': { effect: 'propose', event: () => ({ type: 'change.unknown' }) },
} as const satisfies Readonly<Record<string, Step>>;
type StepName = keyof typeof STEPS;
const STEP_NAMES = Object.keys(STEPS) as StepName[];

function walk(path: readonly StepName[], logic = QUICK_MACHINE): Walker {
  const walker = new Walker(logic);
  for (const step of path) walker.step(step);
  return walker;
}

/** What is wrong after a path; empty = nothing. */
function wrong(walker: Walker): readonly string[] {
  const { at, mailbox, open, ends, thrown, overlaps, underWay } = walker;
  const found: string[] = [...overlaps];
  const isOver = at === 'stopped' || at === 'lost';
  const holdsRun = at === 'active.loading' || at === 'active.committing';
  if (thrown !== null) found.push(`threw ${ensureError(thrown).message}`);
  const inHand = mailbox.run.length + (mailbox.order === null ? 0 : 1);
  if (inHand + mailbox.waitingCount !== open.length) found.push('a command was lost');
  if (holdsRun !== mailbox.run.length > 0 && !isOver) found.push('a run outside of its states');
  if ((at === 'ordering') !== (mailbox.order !== null) && !isOver)
    found.push('an order outside of its state');
  if (isOver !== (ends.length === 1)) found.push(`${ends.length} ends`);
  if (!isOver && underWay === 'nothing' && mailbox.waitingCount > 0) found.push('commands wait for nothing');
  if (!isOver && holdsRun && underWay === 'nothing') found.push('a run waits for nothing');
  const unanswered = mailbox.takeAll();
  if (unanswered.some((envelope, index) => envelope !== open[index])) found.push('the order was lost');
  return found;
}

/** Shortest path to every situation within `DEPTH_MAX` events, each checked on the way. */
function explore(): {
  readonly reached: Map<string, readonly StepName[]>;
  readonly states: Set<string>;
  readonly faults: string[];
} {
  const reached = new Map<string, readonly StepName[]>([[new Walker().situation, []]]);
  const states = new Set<string>();
  const faults: string[] = [];
  for (const path of reached.values()) {
    // After its end an actor takes no events: XState itself says so.
    if (path.length >= DEPTH_MAX || walk(path).ends.length > 0) continue;
    for (const step of STEP_NAMES) {
      const longer = [...path, step];
      const walker = walk(longer);
      const { situation, at } = walker;
      states.add(at);
      if (!reached.has(situation)) reached.set(situation, longer);
      const isCompared = longer.length <= COMPARED_DEPTH_MAX;
      if (isCompared && !isDeepStrictEqual(walker.seen, walk(longer, accountMachine).seen))
        faults.push(`${longer.join(' > ')}: XState does otherwise`);
      for (const fault of wrong(walker)) faults.push(`${longer.join(' > ')}: ${fault}`);
    }
  }
  return { reached, states, faults };
}

describe('every situation, every event', () => {
  const { reached, states, faults } = explore();

  it('loses nothing, waits for nothing that does not come, keeps the order', () => {
    expect(faults.slice(0, 10)).toEqual([]);
    expect(reached.size).toBeGreaterThan(300);
  });

  it('reaches every state in which the chart can rest', () => {
    expect([...states].sort()).toEqual([
      'active.committing',
      'active.idle',
      'active.loading',
      'active.takingUp',
      'backingOff',
      'hydrating',
      'lost',
      'ordering',
      'quarantined',
      'stopped',
    ]);
  });
});

describe('the chart', () => {
  it('has an answer to a command in every state', () => {
    const { 'command.arrived': arrived } = accountMachine.root.on as Readonly<
      Record<string, readonly unknown[]>
    >;
    expect(arrived).toHaveLength(1);
  });

  it('ends instead of turning in circles', () => {
    expect(accountMachine.options.maxIterations).toBeLessThan(Infinity);
  });
});
