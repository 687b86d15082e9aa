/**
 * Looking at live accounts. Without this: a page that throws ends an account, an observer stays on an actor after everybody has
 * gone, or a viewer is left with an old picture of an account that has ended, moved or become too fast.
 */
import type { AnyActor } from 'xstate';
import { beforeEach, describe, expect, it } from 'vitest';
import type { AccountActor } from '../../../src/actors/account-actor.ts';
import type { StreamMessage, WireEventBody } from '../../../src/contracts/inspection.ts';
import type { Disclosure } from '../../../src/infra/inspection/converter.ts';
import { InspectionDesk } from '../../../src/infra/inspection/inspection-desk.ts';
import type { Admission } from '../../../src/infra/inspection/inspection-desk.ts';
import type { LiveAccounts, Viewer } from '../../../src/infra/inspection/live-accounts.ts';
import { LIMITS } from '../../../src/limits.ts';
import { discloseContext, discloseEvent } from '../../../src/machines/account-disclosure.ts';
import type { AccountEvent } from '../../../src/machines/account-effects.ts';
import type { AccountContext } from '../../../src/machines/account-context.ts';
import { AccountStage } from '../../support/fakes/account-stage.ts';
import { accountIdOf, FakeEnvelope, transaction } from '../../support/fakes/fake-envelope.ts';

const DISCLOSURE: Disclosure = {
  context: (context) => discloseContext(context as AccountContext),
  event: (event: WireEventBody) => discloseEvent(event as AccountEvent),
};

/** Actors as a region would have them, with their observers counted. */
class Accounts implements LiveAccounts {
  readonly stage = new AccountStage();
  readonly actors = new Map<string, AccountActor>();
  owner: ReturnType<LiveAccounts['ownerOf']> = { kind: 'here' };
  listener: Parameters<LiveAccounts['watchStarts']>[0] = null;
  ready = true;
  observers = 0;

  constructor() {
    const { system } = this.stage.root;
    const inspect = system.inspect.bind(system);
    system.inspect = (observer) => {
      const subscription = inspect(observer);
      this.observers += 1;
      return {
        unsubscribe: () => {
          this.observers -= 1;
          subscription.unsubscribe();
        },
      };
    };
  }

  isReady(): boolean {
    return this.ready;
  }

  actorOf(accountId: string): AnyActor | null {
    const actor = this.actors.get(accountId);
    return actor === undefined || actor.ended !== null ? null : actor.inspected;
  }

  ownerOf(): ReturnType<LiveAccounts['ownerOf']> {
    return this.owner;
  }

  watchStarts(listener: Parameters<LiveAccounts['watchStarts']>[0]): void {
    this.listener = listener;
  }

  start(n: number): AccountActor {
    this.stage.ledger.addAccount(accountIdOf(n));
    const actor = this.stage.start(n);
    this.actors.set(accountIdOf(n), actor);
    this.listener?.(accountIdOf(n), actor.inspected);
    return actor;
  }
}

class Page implements Viewer {
  readonly seen: { readonly id: string; readonly message: StreamMessage }[] = [];
  ended = false;
  onSend: () => void = () => undefined;

  send(id: string, message: StreamMessage): void {
    this.onSend();
    this.seen.push({ id, message });
  }

  end(): void {
    this.ended = true;
  }

  get types(): readonly string[] {
    return this.seen.map(({ message }) => message.type);
  }

  /** Where the account was, step by step. */
  get places(): readonly unknown[] {
    return this.seen.flatMap(({ message }) =>
      message.type === '@xstate.snapshot' ? [message.snapshot.value] : [],
    );
  }

  get lastId(): string {
    return this.seen.at(-1)!.id;
  }
}

let accounts: Accounts;
let desk: InspectionDesk;

beforeEach(() => {
  accounts = new Accounts();
  desk = newDesk();
});

function newDesk(disclosure = DISCLOSURE): InspectionDesk {
  const { clock, logger } = accounts.stage;
  return new InspectionDesk({ nodeId: 'node-1', accounts, disclosure, clock, logger });
}

function look(
  n: number,
  page: Viewer,
  lastEventId: string | null = null,
): Extract<Admission, { kind: 'admitted' }> {
  const admission = desk.open(accountIdOf(n), page, lastEventId);
  if (admission.kind === 'refused') throw new Error(admission.reason);
  return admission;
}

const deposit = (n: number): FakeEnvelope => new FakeEnvelope(transaction(n));

describe('a viewer', () => {
  it('gets the chart and where the account is first, then every step', async () => {
    const actor = accounts.start(1);
    await accounts.stage.run();
    const page = new Page();
    look(1, page);
    expect(page.types).toEqual(['paygate.live', '@xstate.actor', '@xstate.snapshot']);
    actor.accept(deposit(1));
    await accounts.stage.run();
    expect(page.places).toEqual([{ active: 'idle' }, { active: 'committing' }, { active: 'idle' }]);
    expect(page.seen.at(-1)!.message).toMatchObject({
      snapshot: { context: { state: { balanceCents: '100' } } },
    });
  });

  it('who comes later gets the same beginning', async () => {
    const actor = accounts.start(1);
    await accounts.stage.run();
    look(1, new Page());
    actor.accept(deposit(1));
    await accounts.stage.run();
    const late = new Page();
    look(1, late);
    expect(late.types).toEqual(['paygate.live', '@xstate.actor', '@xstate.snapshot']);
    expect(late.places).toEqual([{ active: 'idle' }]);
    expect(accounts.observers).toBe(1);
  });

  it('who comes back goes on after what he had', async () => {
    const actor = accounts.start(1);
    await accounts.stage.run();
    const before = new Page();
    const admission = look(1, before);
    admission.close();
    actor.accept(deposit(1));
    await accounts.stage.run();
    const after = new Page();
    expect(look(1, after, before.lastId).how).toBe('resumed');
    expect(after.places).toEqual([{ active: 'committing' }, { active: 'idle' }]);
  });

  it('who has been away for too long, or comes from elsewhere, begins anew', async () => {
    const actor = accounts.start(1);
    await accounts.stage.run();
    const before = new Page();
    look(1, before);
    const id = before.lastId;
    for (let n = 1; n <= LIMITS.inspectMessagesMax; n += 1) {
      actor.accept(deposit(n));
      await accounts.stage.run();
      accounts.stage.clock.advance(100);
    }
    for (const other of [id, 'nonsense', 'abc-3', '-', '']) {
      const page = new Page();
      expect(look(1, page, other).how).toBe('begun');
      expect(page.types[1]).toBe('@xstate.actor');
    }
  });
});

describe('an account that', () => {
  it('ends shows its last step, says so, and goes on with its next actor', async () => {
    const first = accounts.start(1);
    await accounts.stage.run();
    const page = new Page();
    look(1, page);
    first.passivate();
    expect(page.places.at(-1)).toBe('stopped');
    expect(page.types.at(-1)).toBe('paygate.inactive');
    expect(accounts.observers).toBe(0);
    const count = page.seen.length;
    accounts.start(1);
    await accounts.stage.run();
    expect(page.types.slice(count, count + 3)).toEqual(['paygate.live', '@xstate.actor', '@xstate.snapshot']);
    expect(page.places.slice(-2)).toEqual(['hydrating', { active: 'idle' }]);
    expect(accounts.observers).toBe(1);
  });

  it('crashes shows that, too', async () => {
    const actor = accounts.start(1);
    const page = new Page();
    look(1, page);
    await accounts.stage.run();
    const broken = deposit(1);
    Object.defineProperty(broken, 'command', {
      get: () => {
        throw new Error('broken');
      },
    });
    actor.accept(broken);
    await accounts.stage.run();
    expect(actor.ended).toBe('crashed');
    const last = page.seen.at(-2)!.message;
    expect(last).toMatchObject({
      type: '@xstate.snapshot',
      snapshot: { status: 'error', error: { name: 'Error' } },
    });
    expect(page.types.at(-1)).toBe('paygate.inactive');
  });

  it('is not active is waited for, and one that moves is said to be elsewhere', () => {
    const page = new Page();
    look(1, page);
    expect(page.types).toEqual(['paygate.inactive']);
    accounts.owner = { kind: 'elsewhere', node: null };
    accounts.stage.clock.advance(LIMITS.inspectLookMs);
    accounts.owner = { kind: 'elsewhere', node: 'node-2' };
    accounts.stage.clock.advance(LIMITS.inspectLookMs);
    expect(page.seen.slice(1).map(({ message }) => message)).toMatchObject([
      { type: 'paygate.elsewhere', owner: null },
      { type: 'paygate.elsewhere', owner: 'node-2' },
    ]);
    accounts.stage.clock.advance(10 * LIMITS.inspectLookMs);
    expect(page.seen).toHaveLength(3);
  });

  it('is too fast is sampled: so many a second, then how many were left out and where it is', async () => {
    const actor = accounts.start(1);
    await accounts.stage.run();
    const page = new Page();
    look(1, page);
    const before = page.seen.length;
    for (let n = 1; n <= 90; n += 1) {
      actor.accept(deposit(n));
      await accounts.stage.run();
    }
    expect(page.seen.length - before).toBe(LIMITS.inspectMessagesPerSecond);
    accounts.stage.clock.advance(1_000);
    const [note, snapshot, ...more] = page.seen.slice(before + LIMITS.inspectMessagesPerSecond);
    // Arrived, committing, committed, idle: four a deposit.
    expect(note!.message).toEqual({ type: 'paygate.leftOut', accountId: accountIdOf(1), count: 160 });
    expect(snapshot!.message).toMatchObject({ snapshot: { context: { state: { balanceCents: '9000' } } } });
    expect(more).toEqual([]);
  });
});

describe('nobody is hurt', () => {
  it('by a viewer that throws', async () => {
    const actor = accounts.start(1);
    await accounts.stage.run();
    const [bad, good] = [new Page(), new Page()];
    look(1, bad);
    look(1, good);
    bad.onSend = () => {
      throw new Error('gone');
    };
    const envelope = deposit(1);
    actor.accept(envelope);
    await accounts.stage.run();
    expect(envelope.ending).toBe('decided APPROVED');
    expect(actor.ended).toBeNull();
    expect(good.places.at(-1)).toEqual({ active: 'idle' });
    expect(desk.viewerCount).toBe(1);
  });

  it('by a disclosure that throws', async () => {
    const fail = (): never => {
      throw new Error('cannot be shown');
    };
    const actor = accounts.start(1);
    await accounts.stage.run();
    const openPage = new Page();
    let broken = false;
    desk = newDesk({
      context: (context) => (broken ? fail() : DISCLOSURE.context(context)),
      event: (event) => (broken ? fail() : DISCLOSURE.event(event)),
    });
    look(1, openPage);
    broken = true;
    const envelope = deposit(1);
    actor.accept(envelope);
    await accounts.stage.run();
    expect(envelope.ending).toBe('decided APPROVED');
    expect(actor.ended).toBeNull();
  });
});

describe('when everybody has gone', () => {
  it('no observer is left on any actor, after a moment', async () => {
    accounts.start(1);
    await accounts.stage.run();
    const [first, second] = [look(1, new Page()), look(1, new Page())];
    expect([accounts.observers, accounts.listener === null]).toEqual([1, false]);
    first.close();
    first.close();
    accounts.stage.clock.advance(LIMITS.inspectLingerMs);
    expect(accounts.observers).toBe(1);
    second.close();
    accounts.stage.clock.advance(LIMITS.inspectLingerMs);
    expect([accounts.observers, desk.watchedCount, accounts.listener]).toEqual([0, 0, null]);
    expect(accounts.stage.clock.timerCount).toBe(0);
  });

  it('a closing desk lets all of them go', async () => {
    accounts.start(1);
    await accounts.stage.run();
    const page = new Page();
    const admission = look(1, page);
    desk.close();
    expect([page.ended, accounts.observers, accounts.stage.clock.timerCount]).toEqual([true, 0, 0]);
    admission.close();
    expect(accounts.stage.clock.timerCount).toBe(0);
  });
});

describe('bounds', () => {
  it('only so many accounts at a time; one whose viewers have gone makes room at once', () => {
    const [first] = Array.from({ length: LIMITS.inspectAccountsMax }, (_, index) =>
      look(index + 1, new Page()),
    );
    expect(desk.open(accountIdOf(99), new Page(), null)).toEqual({
      kind: 'refused',
      reason: 'too-many-accounts',
    });
    first!.close();
    expect(desk.open(accountIdOf(99), new Page(), null).kind).toBe('admitted');
    expect(desk.watchedCount).toBe(LIMITS.inspectAccountsMax);
  });

  it('only so many viewers', () => {
    for (let n = 0; n < LIMITS.inspectViewersMax; n += 1) look(1, new Page());
    expect(desk.open(accountIdOf(1), new Page(), null)).toEqual({
      kind: 'refused',
      reason: 'too-many-viewers',
    });
  });

  it('a node that is still starting refuses', () => {
    accounts.ready = false;
    expect(desk.open(accountIdOf(1), new Page(), null)).toEqual({ kind: 'refused', reason: 'not-ready' });
  });
});
