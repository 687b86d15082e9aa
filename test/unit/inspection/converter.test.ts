/**
 * What goes out of an account to an inspector. Without this: the official inspector shows nothing of us or something false,
 * amounts are rounded on the way, or a key, a card or a payload leaves the node.
 */
import { createInspector, type StatelyInspectionEvent } from '@statelyai/inspect';
import { createActor, createMachine, type InspectionEvent } from 'xstate';
import { beforeEach, expect, it } from 'vitest';
import type { WireEventBody, WireMessage } from '../../../src/contracts/inspection.ts';
import { Converter } from '../../../src/infra/inspection/converter.ts';
import { discloseContext, discloseEvent } from '../../../src/machines/account-disclosure.ts';
import type { AccountEvent } from '../../../src/machines/account-effects.ts';
import type { AccountContext } from '../../../src/machines/account-context.ts';
import { eventually } from '../../support/eventually.ts';
import { AccountStage } from '../../support/fakes/account-stage.ts';
import { accountIdOf, cardIdOf, FakeEnvelope, transaction } from '../../support/fakes/fake-envelope.ts';

const BALANCE_CENTS = 9_007_199_254_740_993n;

const disclosure = {
  context: (context: unknown) => discloseContext(context as AccountContext),
  event: (event: WireEventBody) => discloseEvent(event as AccountEvent),
};
const openly = { context: (context: unknown) => context, event: (event: WireEventBody) => event };

const converterWith = (options: Partial<ConstructorParameters<typeof Converter>[0]> = {}): Converter =>
  new Converter({
    nodeId: 'node-1',
    disclosure,
    bytesMax: 16_384,
    parentOf: (actor) => actor._parent,
    now: () => 1_800_000_000_000,
    ...options,
  });

let stage: AccountStage;

beforeEach(() => {
  stage = new AccountStage();
  stage.ledger.addAccount(accountIdOf(1));
});

/** The official inspector, without its limits, beside ours on the same run: one purchase after one deposit. */
async function bothOf(): Promise<{
  ours: readonly WireMessage[];
  theirs: readonly StatelyInspectionEvent[];
}> {
  const theirs: StatelyInspectionEvent[] = [];
  const adapter = { send: (event: StatelyInspectionEvent) => void theirs.push(event) };
  const inspector = createInspector(adapter, { serializationDepthLimit: 64 });
  const converter = converterWith();
  const ours: WireMessage[] = [];
  const actor = stage.start();
  const { inspected } = actor;
  // As XState tells those who look from the beginning.
  inspector.inspect.next?.({ type: '@xstate.actor', actorRef: inspected, rootId: inspected.sessionId });
  ours.push(converter.actor(inspected));
  inspected.system.inspect((event) => {
    if (event.actorRef !== inspected) return;
    inspector.inspect.next?.(event);
    const message = converter.message(event);
    if (message !== null) ours.push(message);
  });
  actor.accept(new FakeEnvelope(transaction(1)));
  actor.accept(new FakeEnvelope(transaction(2, { type: 'PURCHASE', amountCents: 30n })));
  await stage.run();
  actor.passivate();
  // The package puts everything off by a timer.
  await eventually(() => expect(theirs).toHaveLength(ours.length));
  return { ours, theirs: JSON.parse(JSON.stringify(theirs, numbers)) as StatelyInspectionEvent[] };
}

const numbers = (_key: string, value: unknown): unknown =>
  typeof value === 'bigint' ? Number(value) : value;

it('says the same as the official package, in the same order, with the same keys and the same definition', async () => {
  const { ours, theirs } = await bothOf();
  expect(ours.length).toBeGreaterThan(8);
  for (const [index, message] of ours.entries()) {
    const theirsHere = theirs[index]!;
    expect(Object.keys(message).sort()).toEqual(Object.keys(theirsHere).sort());
    expect(message.type).toBe(theirsHere.type);
    expect(message.sessionId).toBe(`node-1/${theirsHere.sessionId}`);
    expect([message._version, message.id]).toEqual([theirsHere._version, theirsHere.id]);
    expect(typeof message.createdAt).toBe(typeof theirsHere.createdAt);
    if (message.type === '@xstate.actor' && theirsHere.type === '@xstate.actor') {
      expect(message.name).toBe(theirsHere.name);
      expect(JSON.parse(message.definition)).toEqual(JSON.parse(theirsHere.definition!));
    } else if (message.type !== '@xstate.actor' && theirsHere.type !== '@xstate.actor') {
      expect(message.event.type).toBe(theirsHere.event.type);
    }
    if (message.type === '@xstate.snapshot' && theirsHere.type === '@xstate.snapshot') {
      const { context, ...shown } = message.snapshot;
      const { context: theirContext, ...theirShown } = theirsHere.snapshot as unknown as Record<
        string,
        unknown
      >;
      expect(shown).toEqual(theirShown);
      expect(typeof context).toBe(typeof theirContext);
    }
  }
});

it('the whole definition is there, and fits', async () => {
  const { ours } = await bothOf();
  const [actor] = ours;
  if (actor?.type !== '@xstate.actor') throw new Error('the actor does not come first');
  expect(actor.definition).toContain('quarantineHasEnded');
  expect(actor.definition).not.toContain('[Object]');
  expect(actor.snapshot.context).toMatchObject({ accountId: accountIdOf(1) });
});

it('amounts are exact', async () => {
  stage.ledger.accounts.set(accountIdOf(1), {
    accountId: accountIdOf(1),
    balanceCents: BALANCE_CENTS,
    seq: 4n,
    status: 'active',
    overdraftCents: 0n,
  });
  const actor = stage.start();
  await stage.run();
  const { snapshot } = converterWith().snapshot(actor.inspected, { type: 'xstate.init' });
  expect(snapshot.context).toMatchObject({ state: { balanceCents: '9007199254740993', seq: '4' } });
});

it('no key, card or payload goes out', async () => {
  stage.ledger.cards.set(cardIdOf(1), accountIdOf(1));
  const actor = stage.start();
  const messages: string[] = [];
  const converter = converterWith();
  messages.push(JSON.stringify(converter.actor(actor.inspected)));
  actor.inspected.system.inspect((event) => void messages.push(JSON.stringify(converter.message(event))));
  const command = transaction(1, { type: 'PURCHASE', cardId: cardIdOf(1), idempotencyKey: 'secret-key' });
  actor.accept(new FakeEnvelope(transaction(2, { idempotencyKey: 'secret-key-2' })));
  actor.accept(new FakeEnvelope(command));
  await stage.run();
  const text = messages.join('\n');
  expect(text).toContain('change.committed');
  expect(text).toContain(command.transactionId);
  expect(text).not.toContain('secret-key');
  expect(text).not.toContain(cardIdOf(1));
});

it('what is too large loses its body and keeps its place', () => {
  const machine = createMachine({ context: { text: 'x'.repeat(50_000) }, on: { grow: {} } });
  const actor = createActor(machine, { id: 'large' });
  const converter = converterWith({ disclosure: openly });
  const messages: (WireMessage | null)[] = [];
  actor.start();
  actor.system.inspect((event: InspectionEvent) => void messages.push(converter.message(event)));
  actor.send({ type: 'grow', text: 'y'.repeat(50_000) });
  const wire = messages.filter((message) => message !== null);
  expect(wire.map(({ type }) => type)).toEqual(['@xstate.event', '@xstate.snapshot']);
  for (const message of wire) expect(JSON.stringify(message).length).toBeLessThan(1_000);
  expect(wire[0]).toMatchObject({ event: { type: 'grow', leftOut: 'too large to be shown' } });
});

it('an account is shown as a root, though all accounts of a node have one above them', () => {
  const { inspected } = stage.start();
  const message = converterWith({ parentOf: () => undefined }).actor(inspected);
  expect(message).toMatchObject({
    sessionId: `node-1/${inspected.sessionId}`,
    rootId: `node-1/${inspected.sessionId}`,
  });
  expect(message).not.toHaveProperty('parentId');
});
