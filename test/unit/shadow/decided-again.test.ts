/**
 * Without this: `paygate shadow` takes a mistake of ours for a habit of the old processor, calls a habit of it a mistake, or lets one
 * difference make others.
 */
import { describe, expect, it } from 'vitest';
import { DecidedAgain } from '../../../src/domain/shadow/decided-again.ts';
import type { Before } from '../../../src/domain/shadow/decided-again.ts';
import type { Comparison } from '../../../src/domain/shadow/names.ts';
import { originalOf } from '../../../src/domain/shadow/table-row.ts';
import type { DecidedRow, Standing, TableRow } from '../../../src/domain/shadow/table-row.ts';
import { tableRow } from '../../support/table-row.ts';

const ANNA = '00000000-0000-4000-8000-00000000000a';
const BEN = '00000000-0000-4000-8000-00000000000b';
const CARD = '00000000-0000-4000-8000-0000000000ca';

let made = 0;
function row(fields: Partial<TableRow>): TableRow {
  made += 1;
  return tableRow(made, { accountId: ANNA, createdAt: '2026-11-22T10:40:00.123456Z', ...fields });
}

interface Scene {
  readonly balance?: bigint;
  readonly charges?: bigint;
  readonly hasRefunds?: boolean;
  /** Rows from before that may be refunded, and how much of them is. */
  readonly originals?: readonly (readonly [row: TableRow, refundedCents: bigint])[];
  readonly refundAmount?: 'message' | 'original';
  readonly before?: Before;
}

const asked = (one: TableRow, askedCents: bigint | null = one.amountCents): DecidedRow => ({
  row: one,
  askedCents,
});

function standingOf({ balance = 0n, charges = 0n, hasRefunds = false, originals = [] }: Scene): Standing {
  return {
    accounts: new Map([[ANNA, { balanceCents: balance, chargesCents: charges, hasRefunds }]]),
    cards: new Map([[CARD, BEN]]),
    originals: new Map(
      originals.map(([one, refundedCents]) => [one.id, { ...originalOf(one), refundedCents }]),
    ),
  };
}

function compareAll(rows: readonly DecidedRow[], scene: Scene = {}): readonly Comparison[] {
  const { refundAmount = 'message', before } = scene;
  const again = new DecidedAgain(
    rows.map((one) => one.row),
    standingOf(scene),
    { refundAmount },
    before,
  );
  return rows.map((one) => again.compare(one));
}

/** `known:charge`, `agrees`, … */
const nameOf = (comparison: Comparison | undefined): string => {
  if (comparison?.kind === 'known') return `known:${comparison.name}`;
  if (comparison?.kind === 'not-compared') return `not-compared:${comparison.why}`;
  return comparison?.kind ?? 'nothing';
};

const compare = (one: DecidedRow, scene: Scene = {}): string => nameOf(compareAll([one], scene)[0]);

const purchase = (fields: Partial<TableRow> = {}): TableRow => row({ type: 'PURCHASE', ...fields });
const refundOf = (original: TableRow, fields: Partial<TableRow> = {}): TableRow =>
  row({ type: 'REFUND', originalId: original.id, amountCents: original.amountCents, ...fields });

describe('where the two agree', () => {
  it.each([
    ['a deposit', row({}), {}],
    ['a purchase that is covered', purchase(), { balance: 100n }],
    ['a purchase that is not', purchase({ status: 'REJECTED' }), { balance: 99n }],
    ['a CHARGE that is not covered', row({ type: 'CHARGE', status: 'REJECTED' }), { balance: 99n }],
  ])('%s', (_what, one, scene) => {
    expect(compare(asked(one), scene)).toBe('agrees');
  });

  it('a refund of the whole', () => {
    const bought = purchase();
    expect(compare(asked(refundOf(bought)), { originals: [[bought, 0n]] })).toBe('agrees');
  });

  it('with REFUND_AMOUNT=original a refund that asks for a placeholder', () => {
    const bought = purchase();
    const scene = { originals: [[bought, 0n]] as const, refundAmount: 'original' as const };
    expect(compare(asked(refundOf(bought), 10n), scene)).toBe('agrees');
  });
});

describe('known differences', () => {
  it('charge: rejected although it is covered', () => {
    expect(compare(asked(row({ type: 'CHARGE', status: 'REJECTED' })), { balance: 100n })).toBe(
      'known:charge',
    );
  });

  it('charge: a purchase that only an account without its charges can pay', () => {
    expect(compare(asked(purchase()), { balance: 50n, charges: -50n })).toBe('known:charge');
    expect(compare(asked(purchase()), { balance: 50n, charges: -49n })).toBe('unknown');
  });

  it('whole-refund: a part was asked for, the whole is refunded', () => {
    const bought = purchase();
    expect(compare(asked(refundOf(bought), 10n), { originals: [[bought, 0n]] })).toBe('known:whole-refund');
  });

  it('whole-refund: more was asked for than there is', () => {
    const bought = purchase();
    expect(compare(asked(refundOf(bought), 101n), { originals: [[bought, 0n]] })).toBe('known:whole-refund');
  });

  it('no known one: a second refund approved although nothing is left, since the old processor refunds once', () => {
    const bought = purchase();
    expect(compare(asked(refundOf(bought)), { originals: [[bought, 100n]] })).toMatch(/^unknown/);
  });

  it('second-refund: rejected although something is left', () => {
    const bought = purchase();
    const second = refundOf(bought, { status: 'REJECTED', amountCents: 20n });
    expect(compare(asked(second), { originals: [[bought, 30n]] })).toBe('known:second-refund');
  });

  it('second-refund: rejected, since the first one took the whole instead of the part it asked for', () => {
    const bought = purchase();
    const rows = [
      asked(refundOf(bought), 30n),
      asked(refundOf(bought, { status: 'REJECTED', amountCents: 70n })),
      asked(refundOf(bought, { status: 'REJECTED', amountCents: 71n })),
    ];
    expect(compareAll(rows, { originals: [[bought, 0n]] }).map(nameOf)).toEqual([
      'known:whole-refund',
      'known:second-refund',
      'agrees',
    ]);
    expect(compareAll(rows, { originals: [[bought, 0n]], refundAmount: 'original' }).map(nameOf)).toEqual([
      'agrees',
      'agrees',
      'agrees',
    ]);
  });

  it('foreign-card', () => {
    expect(compare(asked(purchase({ cardId: CARD })), { balance: 100n })).toBe('known:foreign-card');
  });

  it('spent-deposit', () => {
    const paid = row({});
    expect(compare(asked(refundOf(paid)), { balance: 99n, originals: [[paid, 0n]] })).toBe(
      'known:spent-deposit',
    );
  });

  it('redelivered-refund: only an approval writes what is refunded, and its amount, into the row', () => {
    const bought = purchase();
    const scene = { originals: [[bought, 0n]] as const };
    const again = refundOf(bought, { status: 'REJECTED' });
    // A part or the whole was asked for; or nobody knows.
    for (const cents of [10n, 100n, null])
      expect(compare(asked(again, cents), scene)).toBe('known:redelivered-refund');
    const part = refundOf(bought, { status: 'REJECTED', amountCents: 10n });
    expect(compare(asked(part), scene)).toBe('unknown');
  });
});

describe('unknown differences', () => {
  const bought = purchase();
  const foreign = purchase({ accountId: BEN });
  it.each([
    ['a deposit that was rejected', asked(row({ status: 'REJECTED' })), {}],
    [
      'a purchase that was rejected although it is covered',
      asked(purchase({ status: 'REJECTED' })),
      { balance: 100n },
    ],
    ['a purchase that was approved although it is not', asked(purchase()), { balance: 99n }],
    ['another amount than was asked for', asked(row({}), 99n), {}],
    [
      'a refund of something else than the whole',
      asked(refundOf(bought, { amountCents: 50n }), 10n),
      { originals: [[bought, 0n]] as const },
    ],
    [
      'a refund of what belongs to another account',
      asked(refundOf(foreign)),
      { originals: [[foreign, 0n]] as const },
    ],
    ['a refund that says nothing of its target', asked(row({ type: 'REFUND' })), {}],
    ['an approved row that is no transaction', asked(row({ type: 'TRANSFER' })), {}],
    ['a status that is none', asked(row({ status: 'DONE' })), {}],
  ])('%s', (_what, one, scene) => {
    expect(compare(one, scene)).toBe('unknown');
  });
});

describe('what cannot be judged', () => {
  it.each([
    ['refund-target-unknown', row({ type: 'REFUND', status: 'REJECTED' }), {}],
    ['second-refund-likely', row({ type: 'REFUND', status: 'REJECTED' }), { hasRefunds: true }],
    ['row-invalid', row({ type: 'TRANSFER', status: 'REJECTED' }), {}],
    ['given-up', row({ status: 'ERROR' }), {}],
  ])('%s', (why, one, scene) => {
    expect(compare(asked(one), scene)).toBe(`not-compared:${why}`);
  });

  it('refund-amount-unknown: an approved refund that was not seen before; with REFUND_AMOUNT=original it does not matter', () => {
    const bought = purchase();
    const scene = { originals: [[bought, 0n]] as const };
    expect(compare(asked(refundOf(bought), null), scene)).toBe('not-compared:refund-amount-unknown');
    expect(compare(asked(refundOf(bought), null), { ...scene, refundAmount: 'original' })).toBe('agrees');
  });

  it('original-undecided: what is refunded was decided after the refund', () => {
    const bought = purchase();
    const early = refundOf(bought, { status: 'REJECTED' });
    const found = compareAll([asked(early), asked(bought)], { balance: 100n, originals: [[bought, 0n]] });
    expect(found.map(nameOf)).toEqual(['not-compared:original-undecided', 'agrees']);
  });

  it('order: what came at about the same time explains it', () => {
    const rejected = purchase({ status: 'REJECTED' });
    expect(compareAll([asked(row({})), asked(rejected)]).map(nameOf)).toEqual([
      'agrees',
      'not-compared:order',
    ]);
    expect(compareAll([asked(purchase()), asked(row({}))]).map(nameOf)).toEqual([
      'not-compared:order',
      'agrees',
    ]);
    const [deposit] = [row({})];
    const before = new DecidedAgain([deposit], standingOf({}), { refundAmount: 'message' });
    before.compare(asked(deposit));
    expect(compare(asked(rejected), { balance: 100n, before: before.before() })).toBe('not-compared:order');
    const later = new DecidedAgain([], standingOf({}), { refundAmount: 'message' }, before.before());
    expect(compare(asked(rejected), { balance: 100n, before: later.before() })).toBe('unknown');
  });
});

it('a difference has no consequences: the next row begins with what they decided', () => {
  const paid = row({});
  const charge = row({ type: 'CHARGE', status: 'REJECTED' });
  const bought = purchase();
  const refund = refundOf(bought);
  const second = refundOf(bought);
  const rows = [paid, charge, bought, refund, second].map((one) => asked(one));
  const found = compareAll([...rows.slice(0, 3), asked(refund, 10n), asked(second)], {
    originals: [[bought, 0n]],
  });
  expect(found.map(nameOf)).toEqual(['agrees', 'known:charge', 'agrees', 'known:whole-refund', 'unknown']);
});
