/**
 * Figures on the console's page. Without this: a balance beyond what a number holds is shown rounded, with its sign lost or its
 * digits in the wrong groups, and an operator reads another amount than the ledger has.
 */
import { describe, expect, it } from 'vitest';
import {
  ageOf,
  change,
  clockTime,
  count,
  counted,
  dateTime,
  digits,
  duration,
  money,
  shortId,
} from '../../../src/console/page/format.ts';
import { fc } from '../../support/properties.ts';

const GAP = '\u202f';
const plain = (shown: string): string => shown.replaceAll(GAP, '').replace('−', '-');

describe('money', () => {
  it.each([
    ['0', '0.00'],
    ['5', '0.05'],
    ['-5', '−0.05'],
    ['99', '0.99'],
    ['100', '1.00'],
    ['123456', `1${GAP}234.56`],
    ['-123456789', `−1${GAP}234${GAP}567.89`],
    ['9007199254740993', `90${GAP}071${GAP}992${GAP}547${GAP}409.93`],
    ['-9223372036854775808', `−92${GAP}233${GAP}720${GAP}368${GAP}547${GAP}758.08`],
  ])('%s cents', (cents, shown) => {
    expect(money(cents)).toBe(shown);
  });

  it('is exact for everything that the ledger can hold', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), (cents) => {
        const shown = plain(money(cents.toString()));
        expect(shown).toMatch(/^-?(0|[1-9]\d*)\.\d\d$/);
        expect(BigInt(shown.replace('.', ''))).toBe(cents);
      }),
    );
  });

  it('as a change has a sign, and none where nothing changes', () => {
    expect([change('0'), change('250'), change('-250')]).toEqual(['0.00', '+2.50', '−2.50']);
    expect(change('9007199254740993')).toBe(`+${money('9007199254740993')}`);
  });
});

describe('counts', () => {
  it('have groups of three, and rates below ten one digit more', () => {
    expect([count(0), count(999), count(1_000), count(1_234_567)]).toEqual([
      '0',
      '999',
      `1${GAP}000`,
      `1${GAP}234${GAP}567`,
    ]);
    expect([count(2.25), count(9.96), count(12.6)]).toEqual(['2.3', '10', '13']);
    expect([counted(1, 'try', 'tries'), counted(2, 'try', 'tries')]).toEqual(['1 try', '2 tries']);
  });

  it('that come as text stay exact', () => {
    expect(digits('9007199254740993')).toBe(`9${GAP}007${GAP}199${GAP}254${GAP}740${GAP}993`);
  });
});

describe('times', () => {
  it.each([
    [0, '0 ms'],
    [2.35, '2.4 ms'],
    [999, '999 ms'],
    [1_000, '1.0 s'],
    [61_000, '1 min 1 s'],
    [3_660_000, '1 h 1 min'],
    [90_000_000, '1 d 1 h'],
  ])('%d ms', (ms, shown) => {
    expect(duration(ms)).toBe(shown);
  });

  it('are those of the ledger, and never in the future', () => {
    const at = '2026-11-22T14:03:07.123456Z';
    expect([clockTime(at), dateTime(at)]).toEqual(['14:03:07.123', '2026-11-22 14:03:07']);
    expect(ageOf(at, Date.parse(at) - 5_000)).toBe('0 ms');
  });
});

it('a short id tells accounts apart that begin alike', () => {
  expect(shortId('0b7e19f4-1111-4222-8333-44445555c2d1')).toBe('0b7e19f4…c2d1');
});
