/**
 * Without this: `paygate shadow` decides a row twice, takes one that was only touched for a new decision, forgets the amount that a refund
 * asked for, or grows with the table.
 */
import { expect, it } from 'vitest';
import { Followed } from '../../../src/domain/shadow/followed.ts';
import type { FollowedStart } from '../../../src/domain/shadow/followed.ts';
import type { TableRow } from '../../../src/domain/shadow/table-row.ts';

const ACCOUNT = '00000000-0000-4000-8000-00000000000a';
const STARTED_AT = '2026-11-22T12:00:00.000000Z';
const LONG_AGO = '2026-11-01T12:00:00.000000Z';

function row(id: string, fields: Partial<TableRow> = {}): TableRow {
  return {
    id,
    accountId: ACCOUNT,
    cardId: null,
    amountCents: 100n,
    type: 'REFUND',
    status: 'APPROVED',
    idempotencyKey: `key-${id}`,
    originalId: 'original',
    createdAt: STARTED_AT,
    ...fields,
  };
}

const start = (fields: Partial<FollowedStart> = {}): FollowedStart => ({
  startedAtMs: Date.parse(STARTED_AT),
  pending: [],
  isComplete: true,
  ...fields,
});

it('gives the amount that was seen while it was PENDING, also from before the start', () => {
  const followed = new Followed(start({ pending: [['old', 7n]] }));
  expect(followed.see(row('old', { createdAt: LONG_AGO }))).toMatchObject({ decided: { askedCents: 7n } });
  expect(followed.see(row('new', { status: 'PENDING', amountCents: 8n }))).toEqual({ kind: 'waits' });
  expect(followed.see(row('new'))).toMatchObject({ kind: 'again', decided: { askedCents: 8n } });
  expect(followed.waiting).toBe(0);
});

it('takes the amount from the key of the Go API where the row was not seen before, and from no other key', () => {
  const key = `2026-11-22-12:00:00.000:${ACCOUNT}:REFUND:12`;
  const askedOf = (idempotencyKey: string): unknown =>
    new Followed(start()).see(row('one', { idempotencyKey }));
  expect(askedOf(key)).toMatchObject({ decided: { askedCents: 12n } });
  for (const other of [key.replace('REFUND', 'DEPOSIT'), key.replace(ACCOUNT, 'somebody'), `${key}.5`, 'key'])
    expect(askedOf(other)).toMatchObject({ decided: { askedCents: null } });
});

it('decides a row again once; what is touched without a new status is the same', () => {
  const followed = new Followed(start());
  expect(followed.see(row('one')).kind).toBe('again');
  expect(followed.see(row('one')).kind).toBe('same');
});

it('names what changes after it was decided', () => {
  const followed = new Followed(start());
  followed.see(row('one'));
  expect(followed.see(row('one', { status: 'REJECTED' }))).toMatchObject({
    comparison: { kind: 'known', name: 'redelivered-refund' },
  });
  followed.see(row('two', { type: 'PURCHASE' }));
  expect(followed.see(row('two', { type: 'PURCHASE', status: 'REJECTED' }))).toMatchObject({
    comparison: { kind: 'unknown', ours: { status: 'APPROVED' } },
  });
});

it('a row that was given up is decided again when a later try has decided it, with what it had asked for', () => {
  const followed = new Followed(start({ pending: [['old', 7n]] }));
  const given = (id: string): TableRow => row(id, { status: 'ERROR', createdAt: LONG_AGO });
  expect(followed.see(given('old'))).toMatchObject({ kind: 'again', decided: { askedCents: 7n } });
  expect(followed.see(given('old')).kind).toBe('same');
  const approved = { ...given('old'), status: 'APPROVED' };
  expect(followed.see(approved)).toMatchObject({ kind: 'again', decided: { askedCents: 7n } });
  expect(followed.see({ ...approved, status: 'ERROR' })).toMatchObject({ comparison: { kind: 'unknown' } });
});

it('a row from before that is not known to wait is no new decision', () => {
  const old = row('old', { createdAt: LONG_AGO });
  expect(new Followed(start()).see(old)).toMatchObject({ comparison: { why: 'not-followed' } });
  const again = { ...old, status: 'REJECTED' };
  expect(new Followed(start()).see(again)).toMatchObject({ comparison: { name: 'redelivered-refund' } });
  // It may have been one of those that were not read.
  expect(new Followed(start({ isComplete: false })).see(again)).toMatchObject({
    comparison: { why: 'not-followed' },
  });
});

it('forgets the oldest beyond its bound', () => {
  const followed = new Followed(start(), 2);
  for (const id of ['a', 'b', 'c'])
    followed.see(row(id, { status: 'PENDING', amountCents: 5n, createdAt: LONG_AGO }));
  expect(followed.waiting).toBe(2);
  expect(followed.see(row('a', { createdAt: LONG_AGO }))).toMatchObject({
    comparison: { why: 'not-followed' },
  });
  expect(followed.see(row('c', { createdAt: LONG_AGO }))).toMatchObject({ decided: { askedCents: 5n } });
});
