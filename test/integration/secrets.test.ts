/**
 * Without this: a password or a token ends up where others can read it. Secrets are planted in every setting that holds one, then
 * everything that comes out is searched for them: logs at the highest level, answers, errors, arguments, what servers are told.
 */
import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { execa } from 'execa';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { addressIn } from '../support/node-log.ts';
import { MAIN, paygate } from '../support/paygate.ts';
import { eventually, freshRedis, freshVhost, serverUrls, withDatabase } from '../support/services.ts';
import type { TestDatabase } from '../support/services.ts';
import { backlog, environmentOf, publish, send } from './node-scene.ts';

const planted = (name: string): string => `planted.${name}.${randomBytes(9).toString('hex')}`;

const CONSOLE_TOKEN = planted('console');
const WEBHOOK_KEY = planted('webhook');
const COLLECTOR = planted('collector');
const WRONG_PASSWORD = planted('wrong');
const CARD_TOKEN = planted('card');

let database: TestDatabase;
let env: Record<string, string>;
/** By what a failure may call them. */
let secrets: Readonly<Record<string, string>>;
/** Everything that came out, by where. */
const said = new Map<string, string>();
const drops: (() => Promise<void>)[] = [];

beforeAll(async () => {
  database = await withDatabase();
  const [vhost, redis] = await Promise.all([freshVhost(), freshRedis()]);
  for (const place of [database, vhost, redis]) drops.push(() => place.drop());
  env = {
    ...environmentOf({ databaseUrl: database.url, rabbitmqUrl: vhost.url, redisUrl: redis.url }),
    LOG_LEVEL: 'trace',
    FEATURES: 'all',
    CONSOLE_TOKEN,
    WEBHOOK_KEY,
    WEBHOOK_ALLOW: 'http,private',
    OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9',
    OTEL_EXPORTER_OTLP_HEADERS: `authorization=Bearer ${COLLECTOR}`,
  };
  const { databaseUrl, rabbitmqUrl, redisUrl } = serverUrls();
  secrets = {
    'the password of PostgreSQL': new URL(databaseUrl).password,
    'the password of RabbitMQ': new URL(rabbitmqUrl).password,
    'the password of Redis': new URL(redisUrl).password,
    ...{ CONSOLE_TOKEN, WEBHOOK_KEY, COLLECTOR, WRONG_PASSWORD, CARD_TOKEN },
  };
  expect(Math.min(...Object.values(secrets).map(({ length }) => length))).toBeGreaterThan(8);
});

afterAll(async () => {
  for (const drop of drops) await drop();
});

/** Arguments and title of every process of ours. */
function processTitles(): string {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        const text = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
        return text.includes(MAIN) || text.startsWith('paygate') ? [text] : [];
      } catch {
        // It has ended meanwhile.
        return [];
      }
    })
    .join('\n');
}

async function look(address: string, path: string, headers: Readonly<Record<string, string>>): Promise<void> {
  const response = await fetch(`${address}${path}`, { headers });
  const head = JSON.stringify([...response.headers]);
  said.set(`GET ${path} ${Object.keys(headers).join()}`, `${head}\n${await response.text()}`);
}

it('no secret comes out anywhere', { timeout: 240_000 }, async () => {
  const node = execa(process.execPath, [MAIN, 'node'], {
    env: { PATH: process.env['PATH'], ...env },
    extendEnv: false,
    reject: false,
    all: true,
  });
  let log = '';
  node.all.on('data', (bytes: Buffer) => (log += bytes.toString()));
  try {
    const address = await eventually(() => Promise.resolve(addressIn(log)), { timeoutMs: 120_000 });
    await workAndFail(address);
    await lookEverywhere(address);
    said.set('arguments', processTitles());
    expect(said.get('arguments')).toContain('node');
    await tellServers();
  } finally {
    node.kill('SIGTERM');
    await node;
  }
  said.set('log', log);
  expect(log).toMatch(/settled/);
  for (const [where, text] of said)
    for (const [name, secret] of Object.entries(secrets))
      for (const form of [
        secret,
        encodeURIComponent(secret),
        Buffer.from(secret).toString('base64').slice(0, -4),
      ])
        if (text.includes(form)) throw new Error(`${where} tells ${name}`);
});

/** Ordinary work, messages that fail and carry a secret of their sender, and a database that ends connections. */
async function workAndFail(address: string): Promise<void> {
  const rabbitmqUrl = env['RABBITMQ_URL'] ?? '';
  await send(database.pool, rabbitmqUrl, { accounts: 5 }, { transactions: 60 });
  const poison = { id: 7, card_token: CARD_TOKEN, metadata: { authorization: `Bearer ${CARD_TOKEN}` } };
  await publish(rabbitmqUrl, [
    { queue: 'transactions_queue', body: JSON.stringify(poison) },
    { queue: 'retry_queue', body: JSON.stringify(poison), headers: { authorization: CARD_TOKEN } },
  ]);
  await eventually(async () => expect(await backlog(rabbitmqUrl)).toBe(0), { timeoutMs: 120_000 });
  await database.pool.query(
    `select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and application_name like 'paygate:%'`,
  );
  await eventually(async () => expect((await fetch(`${address}/readyz`)).status).toBe(200), {
    timeoutMs: 120_000,
  });
}

async function lookEverywhere(address: string): Promise<void> {
  const bearer = { authorization: `Bearer ${CONSOLE_TOKEN}` };
  const { rows } = await database.pool.query<{ id: string }>(
    'select account_id as id from processor.accounts limit 1',
  );
  const id = rows[0]?.id ?? '';
  for (const path of [
    '/livez',
    '/readyz',
    '/healthz',
    '/metrics',
    '/nowhere',
    '/console',
    `/accounts/${id}/balance`,
  ])
    await look(address, path, bearer);
  for (const path of ['account/', 'transaction/']
    .map((part) => `/console/api/${part}${id}`)
    .concat('/console/api/dead-letters'))
    await look(address, path, bearer);
  await look(address, `/accounts/${id}/balance`, { authorization: `Bearer ${CONSOLE_TOKEN}x`, via: 'proxy' });
  const wrong = (variable: string): Record<string, string> => {
    const url = new URL(env[variable] ?? '');
    url.password = WRONG_PASSWORD;
    return { ...env, [variable]: url.href };
  };
  const unreachable = { ...env, DATABASE_URL: `postgres://u:${WRONG_PASSWORD}@127.0.0.1:9/x` };
  const senseless = {
    ...env,
    DATABASE_URL: `mysql://u:${WRONG_PASSWORD}@h/x`,
    REDIS_URL: WRONG_PASSWORD,
    CONSOLE_TOKEN: WRONG_PASSWORD.slice(0, 15),
  };
  const noTls = { ...env, DATABASE_URL: `${env['DATABASE_URL'] ?? ''}?sslmode=verify-full` };
  for (const [name, args, settings] of [
    ['cluster', ['cluster', '--json'], env],
    ['account', ['account', id, '--json'], env],
    ['letters', ['dead-letters', 'list', '--json'], env],
    ['webhooks', ['webhooks', 'list', '--json'], env],
    ['verify', ['verify', '--json'], env],
    ['pending', ['pending', 'list'], env],
    ['wrong password of PostgreSQL', ['verify'], wrong('DATABASE_URL')],
    ['wrong password of RabbitMQ', ['drive', '--count', '1'], wrong('RABBITMQ_URL')],
    ['wrong password of Redis', ['cache', 'warm'], wrong('REDIS_URL')],
    ['a node with a wrong password', ['node'], wrong('DATABASE_URL')],
    ['no server', ['verify'], unreachable],
    ['senseless', ['verify'], senseless],
    ['no TLS there', ['verify'], noTls],
  ] as const) {
    const answer = await paygate(args, settings);
    said.set(`paygate: ${name}`, answer.all);
  }
  expect(said.get('paygate: senseless')).toMatch(/DATABASE_URL[^]*REDIS_URL/);
  expect(said.get('paygate: wrong password of Redis')).toMatch(/REDIS_URL/);
}

/** What an administrator of the servers sees of us. */
async function tellServers(): Promise<void> {
  const { rows } = await database.pool.query(
    'select application_name, query from pg_stat_activity where datname = current_database()',
  );
  said.set('pg_stat_activity', JSON.stringify(rows));
  const { rows: kept } = await database.pool.query(
    `select (select jsonb_agg(to_jsonb(l)) from processor.operator_log l) as operator_log,
            (select jsonb_agg(to_jsonb(w)) from processor.webhook_endpoints w) as webhooks,
            (select jsonb_agg(detail) from processor.dead_letters) as letters`,
  );
  said.set('ledger', JSON.stringify(kept));
}

it('a token given as an argument is overwritten', { timeout: 60_000 }, async () => {
  const inspecting = execa(
    process.execPath,
    [
      MAIN,
      'inspect',
      '0b8f6f0e-6c2f-4222-8333-444455556667',
      '--node',
      'http://127.0.0.1:9',
      '--token',
      CONSOLE_TOKEN,
      '--json',
    ],
    { env: { PATH: process.env['PATH'], ...env }, extendEnv: false, reject: false, all: true },
  );
  try {
    const arguments_ = await eventually(() => {
      const text = readFileSync(`/proc/${String(inspecting.pid)}/cmdline`, 'utf8').replaceAll('\0', ' ');
      if (text.includes('node')) throw new Error('its title is not there yet');
      return Promise.resolve(text);
    });
    expect(arguments_).not.toContain(CONSOLE_TOKEN);
    expect(arguments_).toContain('paygate');
  } finally {
    inspecting.kill('SIGTERM');
    await inspecting;
  }
});
