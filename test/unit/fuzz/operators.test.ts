/**
 * What operators type and write: rules files, settings, options, whole command lines. Without this: a mistake ends in a stack trace
 * or a command that hangs, or is taken for something that it does not say.
 */
import { Command, CommanderError } from 'commander';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { accountCommand } from '../../../src/cli/account-command.ts';
import { cacheCommand } from '../../../src/cli/cache-command.ts';
import { clusterCommand } from '../../../src/cli/cluster-command.ts';
import { deadLettersCommand } from '../../../src/cli/dead-letters-command.ts';
import { describeError } from '../../../src/cli/describe-error.ts';
import { driveCommand } from '../../../src/cli/drive-command.ts';
import { CommandError, EXIT } from '../../../src/cli/exit-codes.ts';
import { migrateCommand } from '../../../src/cli/migrate-command.ts';
import { nodeCommand } from '../../../src/cli/node-command.ts';
import * as options from '../../../src/cli/options.ts';
import { withOurExits } from '../../../src/cli/our-exits.ts';
import { pendingCommand } from '../../../src/cli/pending-command.ts';
import { transactionCommand } from '../../../src/cli/transaction-command.ts';
import { verifyCommand } from '../../../src/cli/verify-command.ts';
import { webhooksCommand } from '../../../src/cli/webhooks-command.ts';
import { ConfigError, loadConfig } from '../../../src/config.ts';
import { parseRuleSet } from '../../../src/contracts/rule-set.ts';
import { fc } from '../../support/properties.ts';
import { cpuSecondsOf, damaged, INPUTS, naughty, twisted } from './hostile.ts';
import { readFileSync } from 'node:fs';

vi.setConfig({ testTimeout: 300_000 });

const EXAMPLE = readFileSync(new URL('../../../docs/rules.example.json', import.meta.url), 'utf8');

it('rules files: a rule set that says the same when it is read again, or where it is wrong', () => {
  const document = JSON.parse(EXAMPLE) as Record<string, unknown> & {
    readonly rules: readonly Record<string, unknown>[];
  };
  const rule = fc.constantFrom(...document.rules).chain((sound) => twisted(sound));
  const text = fc.oneof(
    damaged(Buffer.from(EXAMPLE)).map((bytes) => bytes.toString()),
    twisted(document).map((value) => JSON.stringify(value)),
    fc.array(rule, { maxLength: 4 }).map((rules) => JSON.stringify({ ...document, rules })),
  );
  let seen = 0;
  fc.assert(
    fc.property(text, (given) => {
      seen += 1;
      const parsed = parseRuleSet(given);
      if (!parsed.ok) {
        if (parsed.issues.length === 0) throw new Error('refused without a reason');
        return;
      }
      const again = parseRuleSet(JSON.stringify(parsed.document));
      if (!again.ok) throw new Error(`taken once and refused then: ${JSON.stringify(again.issues)}`);
    }),
    { numRuns: INPUTS.rules },
  );
  expect(seen).toBeGreaterThanOrEqual(INPUTS.rules);
});

const VARIABLES = [
  'DATABASE_URL',
  'RABBITMQ_URL',
  'REDIS_URL',
  'DATABASE_RUNTIME_ROLE',
  'POSTGRES_USER',
  'POSTGRES_PASSWORD',
  'POSTGRES_HOST',
  'POSTGRES_PORT',
  'RABBITMQ_HOST',
  'RABBITMQ_PASS',
  'REDIS_HOST',
  'REDIS_PORT',
  'WRITER_REDIS_PASSWORD',
  'NODE_ID',
  'HTTP_HOST',
  'HTTP_PORT',
  'HTTP_ADVERTISED_URL',
  'CONSOLE_TOKEN',
  'LOG_LEVEL',
  'PROCESSOR_WORKERS',
  'PROCESSOR_PREFETCH',
  'RETRY_DELAY_MS',
  'SWEEP_AGE_MAX',
  'REFUND_AMOUNT',
  'FEATURES',
  'WEBHOOK_KEY',
  'WEBHOOK_ALLOW',
  'TLS_CA_FILE',
  'TLS_CERT_FILE',
  'TLS_KEY_FILE',
  'TLS_VERIFY',
  'REDIS_TLS_CA_FILE',
  'HTTP_TLS_CERT_FILE',
  'HTTP_TLS_CLIENT_CA_FILE',
  'OTEL_EXPORTER_OTLP_HEADERS',
  'OTEL_EXPORTER_OTLP_ENDPOINT',
  'OTEL_TRACES_SAMPLER_ARG',
] as const;

const url = fc
  .tuple(
    fc.constantFrom('postgres', 'amqp', 'amqps', 'redis', 'rediss', 'http', 'file', 'javascript'),
    naughty,
    fc.constantFrom(
      '',
      '?sslmode=verify-full',
      '?sslmode=prefer',
      '?ssl=true',
      '?sslrootcert=/etc/passwd',
      '?%',
    ),
  )
  .map(([scheme, rest, query]) => `${scheme}://${rest}${query}`);

it('settings: usable ones, or a refusal that names each variable', () => {
  const env = fc.dictionary(fc.constantFrom(...VARIABLES), fc.oneof(naughty, url), { maxKeys: 8 });
  let seen = 0;
  const ends = new Set<string>();
  fc.assert(
    fc.property(env, (given) => {
      seen += 1;
      try {
        const config = loadConfig({ FEATURES: 'all', ...given });
        ends.add('taken');
        if (!Object.isFrozen(config) || config.nodeId === '') throw new Error('not a configuration');
      } catch (error) {
        if (!(error instanceof ConfigError)) throw error;
        ends.add('refused');
        const named = error.message.split('\n').slice(1);
        if (
          named.length === 0 ||
          !named.every((line) => /^ {2}[A-Z][A-Z_]+(?: and [A-Z_]+|, \w+)?: /.test(line))
        )
          throw new Error(`no variable is named: ${error.message}`, { cause: error });
        if (describeError(error, given).exitCode !== EXIT.usage)
          throw new Error('wrong exit code', { cause: error });
      }
    }),
    { numRuns: INPUTS.settings },
  );
  expect(seen).toBeGreaterThanOrEqual(INPUTS.settings);
  expect(ends).toEqual(new Set(['taken', 'refused']));
});

const PARSERS: Readonly<
  Record<string, { readonly parse: (text: string) => unknown; readonly holds: (value: never) => boolean }>
> = {
  wholeNumber: {
    parse: options.wholeNumber(1, 10),
    holds: (n: number) => Number.isInteger(n) && n >= 1 && n <= 10,
  },
  share: { parse: options.share, holds: (n: number) => n >= 0 && n <= 1 },
  positive: { parse: options.positive, holds: (n: number) => Number.isFinite(n) && n >= 0 },
  duration: { parse: options.duration, holds: (n: number) => Number.isFinite(n) && n >= 0 },
  uuid: { parse: options.uuid, holds: (id: string) => /^[0-9a-f-]{36}$/.test(id) },
  moment: { parse: options.moment, holds: (time: string) => /^\d{4}-\d\d-\d\dT/.test(time) },
  cents: { parse: options.cents, holds: (n: bigint) => n >= 0n && n < 2n ** 53n },
  signedCents: {
    parse: options.signedCents,
    holds: (n: bigint) => n !== 0n && n < 2n ** 53n && n > -(2n ** 53n),
  },
  words: { parse: options.words(40), holds: (text: string) => text.length > 0 && !text.includes('\0') },
  httpUrl: { parse: options.httpUrl, holds: (text: string) => URL.canParse(text) },
};

it('options: what they say, or what was expected', () => {
  const almost = fc.oneof(
    naughty,
    damaged(
      ...[
        '5',
        '0.5',
        '30s',
        '2026-11-22T10:40:00Z',
        '0b8f6f0e-6c2f-4222-8333-444455556667',
        '+500',
        'http://a:1/',
      ].map((text) => Buffer.from(text)),
    ).map((bytes) => bytes.toString()),
  );
  let seen = 0;
  fc.assert(
    fc.property(fc.constantFrom(...Object.keys(PARSERS)), almost, (name, text) => {
      seen += 1;
      const parser = PARSERS[name];
      if (parser === undefined) return;
      try {
        const value = parser.parse(text);
        if (!parser.holds(value as never))
          throw new Error(`${name} takes ${JSON.stringify(text)} for ${String(value)}`);
      } catch (error) {
        if (!(error instanceof CommanderError)) throw error;
        if (!/expected/.test(error.message))
          throw new Error('no word of what was expected', { cause: error });
      }
    }),
    { numRuns: INPUTS.options },
  );
  expect(seen).toBeGreaterThanOrEqual(INPUTS.options);
});

it('options that are made to be slow are not', () => {
  for (const [name, { parse }] of Object.entries(PARSERS)) {
    for (const text of ['9'.repeat(200_000), `${' '.repeat(200_000)}x`, `http://${'a.'.repeat(100_000)}`]) {
      const seconds = cpuSecondsOf(() => {
        try {
          parse(text);
        } catch (error) {
          if (!(error instanceof CommanderError)) throw error;
        }
      });
      expect(seconds, name).toBeLessThan(2);
    }
  }
});

/** All that need a server: with settings that are none each must end before it looks for one. */
const COMMANDS = [
  accountCommand,
  cacheCommand,
  clusterCommand,
  deadLettersCommand,
  driveCommand,
  migrateCommand,
  nodeCommand,
  pendingCommand,
  transactionCommand,
  verifyCommand,
  webhooksCommand,
] as const;

const saved = process.env['DATABASE_URL'];
beforeAll(() => {
  process.env['DATABASE_URL'] = 'nowhere';
});
afterAll(() => {
  if (saved === undefined) delete process.env['DATABASE_URL'];
  else process.env['DATABASE_URL'] = saved;
});

function silent(command: Command): Command {
  command.configureOutput({ writeOut: () => undefined, writeErr: () => undefined });
  command.commands.forEach(silent);
  return command;
}

it('command lines: usage, or settings that are not usable; never a stack trace, never a wait', async () => {
  const words = fc.oneof(
    { weight: 3, arbitrary: naughty },
    {
      weight: 4,
      arbitrary: fc.constantFrom(
        ...[
          'list',
          'show',
          'replay',
          'discard',
          'freeze',
          'adjust',
          'drain',
          'pause',
          'log-level',
          'rebuild',
          'add',
          'test',
        ],
        ...[
          '--why',
          '--operator',
          '--json',
          '--last',
          '--limit',
          '--count',
          '--rate',
          '--as-of',
          '--id',
          '-h',
          '--version',
        ],
        ...['0b8f6f0e-6c2f-4222-8333-444455556667', '1', '100', 'all', 'debug'],
      ),
    },
  );
  const line = fc.tuple(fc.constantFrom(...COMMANDS), fc.array(words, { maxLength: 6 }));
  let seen = 0;
  const ends = new Set<string>();
  await fc.assert(
    fc.asyncProperty(line, async ([make, rest]) => {
      seen += 1;
      const command = make();
      const program = silent(
        withOurExits(new Command('paygate').enablePositionalOptions().addCommand(command)),
      );
      try {
        await program.parseAsync([command.name(), ...rest], { from: 'user' });
        ends.add('done');
      } catch (error) {
        if (error instanceof CommanderError) ends.add('usage');
        else if (error instanceof ConfigError || error instanceof CommandError) ends.add('settings');
        else throw error;
      }
    }),
    { numRuns: INPUTS.arguments },
  );
  expect(seen).toBeGreaterThanOrEqual(INPUTS.arguments);
  expect(ends).toContain('usage');
  expect(ends).toContain('settings');
});
