/** Without it a person at the terminal could read a wrong amount, or a stack instead of what to do. */
import { InvalidArgumentError } from 'commander';
import { describe, expect, it } from 'vitest';
import { ConfigError } from '../../../src/config.ts';
import { describeError } from '../../../src/cli/describe-error.ts';
import { CommandError, EXIT } from '../../../src/cli/exit-codes.ts';
import { positive, share, uuid, wholeNumber } from '../../../src/cli/options.ts';
import { money, table } from '../../../src/cli/output.ts';

describe('money', () => {
  it.each([
    [0n, '0.00'],
    [5n, '0.05'],
    [-5n, '-0.05'],
    [100n, '1.00'],
    [123_456_789n, '1,234,567.89'],
    [-100_000n, '-1,000.00'],
    [9_007_199_254_740_993n, '90,071,992,547,409.93'],
  ])('%s cents is %s', (cents, text) => expect(money(cents)).toBe(text));
});

describe('table', () => {
  it('aligns numbers to the right and shows what is missing', () => {
    const lines = table(
      ['name', 'n'],
      [
        ['long name', 5],
        [null, 1_000n],
      ],
    ).split('\n');
    expect(lines).toHaveLength(3);
    expect(lines[1]).toMatch(/^long name +5 *$/);
    expect(lines[2]).toMatch(/^– +1000 *$/);
  });
});

describe('options', () => {
  it('take what they should', () => {
    expect(wholeNumber(1)('20000')).toBe(20_000);
    expect(share('0.25')).toBe(0.25);
    expect(positive('0')).toBe(0);
    expect(uuid('0A0B0C0D-0000-4000-8000-000000000001')).toBe('0a0b0c0d-0000-4000-8000-000000000001');
  });

  it.each([
    ['a fraction', () => wholeNumber(1)('1.5')],
    ['nothing', () => wholeNumber(0)('')],
    ['too little', () => wholeNumber(1)('0')],
    ['too much', () => wholeNumber(1, 10)('11')],
    ['beyond 2^53', () => wholeNumber(0)('9007199254740993')],
    ['an exponent', () => wholeNumber(0)('1e3')],
    ['a share above 1', () => share('1.01')],
    ['no share', () => share('')],
    ['a negative rate', () => positive('-1')],
    ['an endless rate', () => positive('Infinity')],
    ['no UUID', () => uuid('1234')],
  ])('refuse %s', (_name, parse) => expect(parse).toThrow(InvalidArgumentError));
});

describe('describeError', () => {
  it('says what to do, without a stack', () => {
    const refused = Object.assign(new Error('connect ECONNREFUSED'), {
      code: 'ECONNREFUSED',
      address: '127.0.0.1',
      port: 5432,
    });
    const described = describeError(new AggregateError([refused], 'all addresses failed'));
    expect(described.exitCode).toBe(EXIT.unavailable);
    expect(described.message).toBe(
      'paygate: PostgreSQL (DATABASE_URL) does not answer at 127.0.0.1:5432. Is it running? `paygate services up` starts private ones.',
    );
  });

  it('finds the reason in a cause', () => {
    const cause = Object.assign(new Error('relation does not exist'), { code: '42P01' });
    expect(describeError(new Error('audit failed', { cause })).message).toContain('paygate migrate');
  });

  it('keeps the exit code of a command error and of wrong settings', () => {
    expect(describeError(new CommandError('no such account', EXIT.finding))).toEqual({
      message: 'paygate: no such account',
      exitCode: EXIT.finding,
    });
    expect(describeError(new ConfigError('LOG_LEVEL: …')).exitCode).toBe(EXIT.usage);
  });

  it('keeps the stack of what nobody expected', () => {
    expect(describeError(new TypeError('x is not a function')).message).toContain('terminal.test.ts');
  });
});
