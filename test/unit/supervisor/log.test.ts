/** Without this: a database password in a log file, or a log line with a whole batch of balances in it. */
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
