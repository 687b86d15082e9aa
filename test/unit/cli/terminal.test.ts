/** Without it a person at the terminal could read a wrong amount, or a stack instead of what to do. */
import { InvalidArgumentError } from 'commander';
import { describe, expect, it } from 'vitest';
import { ConfigError, loadConfig } from '../../../src/config.ts';
import { describeError } from '../../../src/cli/describe-error.ts';
import { CommandError, EXIT } from '../../../src/cli/exit-codes.ts';
import { paragraphs } from '../../../src/cli/paragraphs.ts';
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
    const amounts = table(
      ['asked', 'id'],
      [
        ['5.00', 'a'],
        ['-1,000.00', 'b'],
      ],
    ).split('\n');
    expect(amounts.slice(1)).toEqual(['     5.00  a', '-1,000.00  b']);
    expect(lines).toHaveLength(3);
    expect(lines[1]).toMatch(/^long name +5$/);
    expect(lines[2]).toMatch(/^– +1000$/);
  });
});

describe('settings', () => {
  it('that are wrong are named, with what was expected', () => {
    const env = { DATABASE_URL: 'nonsense', HTTP_PORT: 'abc', RETRY_DELAY_MS: '1.5', LOG_LEVEL: 'loud' };
    expect(() => loadConfig(env)).toThrow(
      [
        'these settings are not usable:',
        '  DATABASE_URL: expected a URL that starts with postgres:// or postgresql://',
        '  HTTP_PORT: expected a whole number from 0 to 65535',
        '  LOG_LEVEL: expected one of error, warn, info, debug, trace',
        '  RETRY_DELAY_MS: expected a whole number from 1 to 3600000',
      ].join('\n'),
    );
  });

  it('parts of URLs that are wrong are named themselves, and are not looked at where the URL is set', () => {
    const env = { POSTGRES_PORT: '99999', RABBITMQ_PORT: 'amqp', REDIS_PORT: '0', RETRY_ATTEMPTS: '-1' };
    const range = 'expected a whole number from 1 to 65535';
    expect(() => loadConfig(env)).toThrow(
      [
        'these settings are not usable:',
        `  POSTGRES_PORT: ${range}`,
        `  RABBITMQ_PORT: ${range}`,
        `  REDIS_PORT: ${range}`,
        '  RETRY_ATTEMPTS: expected a whole number from 0 to 100',
      ].join('\n'),
    );
    const DATABASE_URL = 'postgres://db.example/paygate';
    expect(loadConfig({ DATABASE_URL, POSTGRES_PORT: '99999', RABBITMQ_PORT: '5673' })).toMatchObject({
      databaseUrl: DATABASE_URL,
      rabbitmqUrl: 'amqp://guest:guest@127.0.0.1:5673',
    });
  });
});

describe('paragraphs', () => {
  it('joins the lines of a paragraph and keeps paragraphs apart', () => {
    expect(paragraphs('\none\ntwo\n\nthree\nfour')).toBe('one two\n\nthree four');
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

  it.each([
    [
      'Handshake terminated by server: 403 (ACCESS-REFUSED) with message "ACCESS_REFUSED - Login was refused',
      'RABBITMQ_URL',
    ],
    ['Expected ConnectionOpenOk; got <ConnectionClose channel:0>', 'RABBITMQ_URL'],
    ['WRONGPASS invalid username-password pair or user is disabled.', 'REDIS_URL'],
    ['NOAUTH HELLO must be called with the client already authenticated', 'REDIS_URL'],
  ])('names the setting behind "%s"', (message, setting) => {
    const described = describeError(new Error(message));
    expect(described.exitCode).toBe(EXIT.unavailable);
    expect(described.message).toContain(`check ${setting}`);
    expect(described.message).not.toContain('    at ');
  });

  it('knows a server by the host and port of its setting', () => {
    const env = { REDIS_URL: 'redis://127.0.0.1:7001', RABBITMQ_URL: 'amqp://nowhere.invalid' };
    const away = Object.assign(new Error('x'), { code: 'ECONNREFUSED', address: '127.0.0.1', port: 7001 });
    expect(describeError(away, env).message).toContain('Redis (REDIS_URL) does not answer');
    const unknown = Object.assign(new Error('x'), { code: 'ENOTFOUND', hostname: 'nowhere.invalid' });
    expect(describeError(unknown, env).message).toBe(
      'paygate: nobody knows the host nowhere.invalid of RabbitMQ (RABBITMQ_URL)',
    );
    const taken = Object.assign(new Error('x'), { code: 'EADDRINUSE', port: 9464 });
    expect(describeError(taken, env).message).toContain('port 9464 is taken: set HTTP_PORT');
  });

  it('has a word for servers that no usable setting names', () => {
    const away = Object.assign(new Error('x'), { code: 'ECONNREFUSED', address: '127.0.0.1', port: 7001 });
    expect(describeError(away, { REDIS_URL: 'nonsense' }).message).toContain('a server (DATABASE_URL');
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
