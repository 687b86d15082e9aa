/**
 * Events from journal rows. Without this: events that change when another node builds them again (consumers then count one twice),
 * a balance told that nobody has, or a body that consumers cannot read.
 */
import { describe, expect, it } from 'vitest';
import { eventSchema, writeEvent } from '../../../src/contracts/events.ts';
import type { PaygateEvent } from '../../../src/contracts/events.ts';
import { eventId } from '../../../src/domain/event-id.ts';
import { eventsOf } from '../../../src/domain/told-account.ts';
import type { ToldDecision } from '../../../src/domain/told-account.ts';
import { accountIdOf, cardIdOf, transactionIdOf } from '../../support/fakes/fake-envelope.ts';

const ACCOUNT = accountIdOf(1);
const DECIDED_AT = '2026-11-22T10:40:01.123456Z';

function decision(n: number, fields: Partial<ToldDecision> = {}): ToldDecision {
  return {
    seq: BigInt(n),
    transactionId: transactionIdOf(n),
    type: 'DEPOSIT',
    outcome: 'APPROVED',
    reason: null,
    requestedCents: 100n,
    amountCents: 100n,
    balanceAfterCents: BigInt(n) * 100n,
    cardId: null,
    originalId: null,
    flags: [],
    rulesVersion: null,
    ...fields,
  };
}

const REFUSED = { outcome: 'REJECTED', reason: 'INSUFFICIENT_FUNDS', amountCents: 0n } as const;

/** As a consumer reads them; throws where one is not as the contract says. */
function read(...decisions: readonly ToldDecision[]): readonly PaygateEvent[] {
  const events = eventsOf({ accountId: ACCOUNT, decidedAt: DECIDED_AT, decisions });
  return events.map(({ id, type, json }) => {
    const event = eventSchema.parse(JSON.parse(json));
    expect({ ...event, id, type }, 'nothing more, nothing else').toEqual(JSON.parse(json));
    return event;
  });
}

describe('the events of a commit', () => {
  it('each decision in order, then the balance once', () => {
    const purchase = {
      type: 'PURCHASE',
      cardId: cardIdOf(1),
      amountCents: -40n,
      requestedCents: 40n,
    } as const;
    const events = read(decision(4), decision(5, { ...purchase, balanceAfterCents: 360n }));
    expect(events.map(({ type, seq }) => [type, seq])).toEqual([
      ['transaction.approved', 4],
      ['transaction.approved', 5],
      ['balance.updated', 5],
    ]);
    expect(events[1]).toEqual({
      type: 'transaction.approved',
      id: eventId(`transaction.approved ${ACCOUNT} 5`),
      schema_version: 1,
      time: DECIDED_AT,
      account_id: ACCOUNT,
      seq: 5,
      transaction_id: transactionIdOf(5),
      transaction_type: 'PURCHASE',
      amount_cents: 40,
      effect_cents: -40,
      balance_cents: 360,
      card_id: cardIdOf(1),
      original_id: null,
    });
    expect(events[2]).toMatchObject({ balance_cents: 360 });
  });

  it('the balance after a last decision that did not move it is told under the last seq', () => {
    const events = read(decision(4), decision(5, { ...REFUSED, balanceAfterCents: 400n }));
    expect(events.at(-1)).toMatchObject({ type: 'balance.updated', seq: 5, balance_cents: 400 });
  });

  it('a commit that moves no balance tells none', () => {
    const events = read(decision(1, { ...REFUSED, balanceAfterCents: 0n }));
    expect(events).toMatchObject([{ type: 'transaction.rejected', seq: 1, reason: 'INSUFFICIENT_FUNDS' }]);
  });

  it('rules: flags and rejections are told, shadows are not', () => {
    const flags = ['flag:velocity', 'shadow:limit', 'reject:ratio'];
    const events = read(decision(1, { ...REFUSED, balanceAfterCents: 0n, flags, rulesVersion: 7 }));
    expect(events[1]).toMatchObject({
      type: 'risk.flagged',
      seq: 1,
      outcome: 'REJECTED',
      flags: ['flag:velocity', 'reject:ratio'],
      rules_version: 7,
    });
    expect(read(decision(1, { flags: ['shadow:limit'] })).map(({ type }) => type)).not.toContain(
      'risk.flagged',
    );
  });

  it('an order that moves no money tells nothing; an adjustment is a transaction', () => {
    expect(read(decision(1, { type: 'FREEZE', requestedCents: 0n, amountCents: 0n }))).toEqual([]);
    expect(read(decision(1, { type: 'CHARGE', amountCents: -5n })).map(({ type }) => type)).toEqual([
      'transaction.approved',
      'balance.updated',
    ]);
  });
});

describe('ids', () => {
  it('are UUIDs, the same for the same name, different for each event', () => {
    expect(eventId('a')).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(eventId('a')).toBe(eventId('a'));
    const decisions = Array.from({ length: 50 }, (_, n) => decision(n + 1, { flags: ['flag:x'] }));
    const ids = [...read(...decisions), ...read(decision(51))].map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    expect(read(...decisions).map(({ id }) => id)).toEqual(ids.slice(0, 101));
  });
});

it('a line keeps all digits, and whatever a text may hold', () => {
  const [event] = eventsOf({
    accountId: ACCOUNT,
    decidedAt: DECIDED_AT,
    decisions: [decision(1, { balanceAfterCents: -9007199254740993n })],
  });
  if (event === undefined) throw new Error('no event');
  expect(event.json).toContain('"balance_cents":-9007199254740993,');
  const reason = 'a "quoted" \\ line\nand ü';
  const { json } = writeEvent({
    type: 'account.quarantined',
    id: eventId('x'),
    schema_version: 1,
    time: DECIDED_AT,
    account_id: ACCOUNT,
    seq: 0,
    reason,
  });
  expect(eventSchema.parse(JSON.parse(json))).toMatchObject({ reason });
  expect(json).not.toContain('\n');
});
