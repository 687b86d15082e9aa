/**
 * Without this: a database password in a log file, a log line with a whole batch of balances in it, or a level that is changed for
 * the root and for none of the parts.
 */
import { expect, it } from 'vitest';
import { createLogger } from '../../../src/infra/log.ts';

function logged(write: (logger: ReturnType<typeof createLogger>) => void): string {
  const lines: string[] = [];
  const destination = { write: (line: string) => lines.push(line) };
  write(createLogger({ level: 'info', nodeId: 'n1', destination }));
  return lines.join('');
}

it.each([
  ['a field', (url: string) => ({ url })],
  ['an error', (url: string) => ({ err: new Error(`cannot reach ${url}/vhost`) })],
  ['a cause', (url: string) => ({ err: new Error('down', { cause: new Error(url) }) })],
])('a password in a URL does not get through: in %s', (_where, fieldsOf) => {
  const text = logged((logger) => logger.warn(fieldsOf('amqp://guest:s3cr%40et!@127.0.0.1:5672'), 'x'));
  expect(text).not.toContain('s3cr');
  expect(text).toContain('amqp://guest:***@127.0.0.1:5672');
});

it('an error brings its code, stack and cause, and none of what its driver hung on it', () => {
  const error = Object.assign(new Error('NOPERM', { cause: new Error('because') }), {
    code: 'E1',
    command: { args: ['balance:1', 'x'.repeat(1_000)] },
  });
  const line = JSON.parse(logged((logger) => logger.error({ err: error }, 'failed'))) as Record<
    string,
    unknown
  >;
  expect(line).toMatchObject({
    node: 'n1',
    msg: 'failed',
    err: { code: 'E1', cause: { message: 'because' } },
  });
  expect(JSON.stringify(line)).not.toContain('xxx');
});

it('bigints are written, levels below are not', () => {
  const text = logged((logger) => {
    logger.child({ shard: 3 }).info({ cents: 9_007_199_254_740_993n }, 'yes');
    logger.debug({}, 'no');
  });
  expect(text).toContain('"cents":9007199254740993');
  expect(text).toContain('"shard":3');
  expect(text).not.toContain('"no"');
});

it.each([
  ['a field', { card_token: 'tok_4242' }],
  ['a header', { headers: { Authorization: 'Basic c2VjcmV0' } }],
  ['a bearer token in words', { detail: 'refused Bearer tok_4242.abc' }],
  ['a query', { url: 'http://127.0.0.1:9464/console?token=tok_4242&x=1' }],
  ['JSON inside of text', { body: JSON.stringify({ password: 'tok_4242 and "c2VjcmV0"', id: 7 }) }],
])('a secret does not get through: in %s', (_where, fields) => {
  const text = logged((logger) => logger.warn(fields, 'x'));
  expect(text).not.toMatch(/tok_4242|c2VjcmV0/);
  expect(() => JSON.parse(text) as unknown).not.toThrow();
});

it('a changed level holds for the logger and for all its children, those to come as well', () => {
  const text = logged((logger) => {
    const child = logger.child({ part: 'child' });
    logger.setLevel('debug');
    child.debug({}, 'of the child');
    child.child({ part: 'grandchild' }).debug({}, 'of the grandchild');
    logger.debug({}, 'of the root');
    logger.setLevel('error');
    child.warn({}, 'too much');
    expect(child.isLevelEnabled('info')).toBe(false);
  });
  for (const who of ['root', 'child', 'grandchild']) expect(text).toContain(`of the ${who}`);
  expect(text).not.toContain('too much');
});
