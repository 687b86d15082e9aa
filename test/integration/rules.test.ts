/**
 * Rules on a real node and a real ledger. Without these: a rule set would be in force on paper only, a restart or a hand-off would
 * forget what an account did a minute ago, a backlog would look like fraud, or nobody could say which rules refused a payment.
 */
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { RuleSetDocument } from '../../src/contracts/rule-set.ts';
import { ruleSetOf } from '../../src/contracts/rule-set.ts';
import { explainTransaction } from '../../src/infra/postgres/explain.ts';
import { applyRules, PostgresRuleStore, readRuleSet } from '../../src/infra/postgres/rule-store.ts';
import type { Environment } from '../../src/config.ts';
import { startNode } from '../../src/node.ts';
import type { RunningNode } from '../../src/node.ts';
import { insertRow, newAccount, newCommand } from '../support/ledger-fixtures.ts';
import { QuietLogger } from '../support/fakes/quiet.ts';
import { paygate } from '../support/paygate.ts';
import { eventually, freshRedis, freshVhost, withDatabase } from '../support/services.ts';
import type { TestDatabase, TestPlace } from '../support/services.ts';
import { audited, configOf, figure, publish } from './node-scene.ts';
import type { Place } from './node-scene.ts';

let database: TestDatabase;
beforeEach(async () => {
  database = await withDatabase();
});
afterEach(() => database.drop());

function documentOf(...rules: readonly object[]): RuleSetDocument {
  const parsed = ruleSetOf({ rules });
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.issues));
  return parsed.document;
}

const MANY = { name: 'many', type: 'velocity', per: 'account', windowSeconds: 600, maxCount: 2 };
const BIG = { name: 'big', type: 'transaction-limit', maxCents: 500 };

const apply = (document: RuleSetDocument | null) =>
  applyRules(database.pool, { document, operator: 'ada', why: 'a test' });

describe('the store', () => {
  it('numbers what is applied, leaves alone what is in force already, and keeps everything', async () => {
    const store = new PostgresRuleStore(database.pool);
    const first = documentOf({ ...BIG, action: 'reject' });
    expect(await store.newerThan(0)).toBeNull();
    expect(await apply(null)).toMatchObject({ kind: 'kept', version: 0 });
    expect(await apply(first)).toMatchObject({ kind: 'applied', version: 1 });
    // Another order of the fields means nothing.
    expect(await apply(documentOf({ action: 'reject', ...BIG }))).toMatchObject({ kind: 'kept', version: 1 });
    expect(await apply(documentOf({ ...BIG, action: 'flag' }))).toMatchObject({
      kind: 'applied',
      version: 2,
    });
    expect(await apply(first)).toMatchObject({ kind: 'applied', version: 3 });
    expect(await store.newerThan(3)).toBeNull();
    expect(await store.newerThan(1)).toEqual({ version: 3, document: first });
    expect(await apply(null)).toMatchObject({ kind: 'applied', version: 4, hash: null });
    expect(await store.newerThan(3)).toEqual({ version: 4, document: null });

    expect(await readRuleSet(database.pool, 1)).toMatchObject({
      version: 1,
      appliedBy: 'ada',
      why: 'a test',
    });
    expect(await readRuleSet(database.pool, 9)).toBeNull();
    const { rows } = await database.pool.query(
      `select action, operator, why, detail ->> 'version' as version from processor.operator_log order by id`,
    );
    expect(rows.map((row: { action: string }) => row.action)).toEqual([
      'rules-apply',
      'rules-apply',
      'rules-apply',
      'rules-off',
    ]);
    await expect(database.pool.query('update processor.rules set version = 9')).rejects.toThrow('refused');
    await expect(database.pool.query('truncate processor.rules')).rejects.toThrow('refused');
  });

  it('two at once make two versions', async () => {
    const sets = [100, 200, 300, 400].map((maxCents) => documentOf({ ...BIG, action: 'reject', maxCents }));
    const applied = await Promise.all(sets.map(apply));
    expect(applied.map(({ version }) => version).sort()).toEqual([1, 2, 3, 4]);
  });
});

describe('a node', () => {
  let vhost: TestPlace;
  let redis: TestPlace;
  let place: Place;
  let node: RunningNode;
  let accountId: string;
  const minuteMs = 60_000;

  beforeEach(async () => {
    [vhost, redis] = await Promise.all([freshVhost(), freshRedis()]);
    place = { databaseUrl: database.url, rabbitmqUrl: vhost.url, redisUrl: redis.url };
    accountId = await newAccount(database.pool);
    node = await start();
  });
  afterEach(async () => {
    await node.drain();
    await Promise.all([vhost.drop(), redis.drop()]);
  });

  const start = (settings: Environment = {}): Promise<RunningNode> =>
    startNode(configOf(place, settings), { logger: new QuietLogger() });

  /** Documented shape; amount in cents, minus: a purchase. `atMs`: when it says that it happened. */
  async function pay(cents: number, atMs = Date.now()): Promise<Decided> {
    const id = randomUUID();
    const body = JSON.stringify({
      transaction_id: id,
      account_id: accountId,
      amount_cents: Math.abs(cents),
      transaction_type: cents < 0 ? 'PURCHASE' : 'DEPOSIT',
      idempotency_key: id,
      timestamp: new Date(atMs).toISOString(),
    });
    await publish(vhost.url, [{ queue: 'transactions_queue', body }]);
    return eventually(() => decided(id));
  }

  interface Decided {
    readonly id: string;
    readonly reason: string | null;
    readonly version: number | null;
    readonly flags: readonly string[];
  }

  async function decided(id: string): Promise<Decided> {
    const { rows } = await database.pool.query<Decided>(
      `select transaction_id as id, reason, rules_version as version, coalesce(flags, '{}') as flags
         from processor.journal where transaction_id = $1`,
      [id],
    );
    const [row] = rows;
    expect(row).toBeDefined();
    return row!;
  }

  const inForce = (version: number): Promise<void> =>
    eventually(async () => expect(await figure(node, 'paygate_rules_version')).toBe(version));

  it('refuses, flags and notes, names version and rules, and stops when rules are off', async () => {
    expect(await pay(5_000)).toMatchObject({ reason: null, version: null, flags: [] });
    await apply(
      documentOf(
        { ...BIG, action: 'reject' },
        { ...BIG, name: 'largish', action: 'flag', maxCents: 400 },
        { ...BIG, name: 'trial', action: 'shadow', maxCents: 300 },
        { ...BIG, name: 'income', action: 'flag', types: ['DEPOSIT'] },
      ),
    );
    await inForce(1);
    expect(await pay(-300)).toMatchObject({ reason: null, version: 1, flags: [] });
    expect(await pay(-450)).toMatchObject({
      reason: null,
      version: 1,
      flags: ['flag:largish', 'shadow:trial'],
    });
    const refused = await pay(-501);
    expect(refused).toMatchObject({
      reason: 'RULE_REFUSED',
      version: 1,
      flags: ['reject:big', 'flag:largish', 'shadow:trial'],
    });
    expect(await pay(1_000)).toMatchObject({ reason: null, flags: ['flag:income'] });
    expect((await explainTransaction(database.pool, refused.id)).sentence).toContain('rule big (rule set 1)');
    expect(await figure(node, 'paygate_rule_matches_total{rule="big",action="reject"}')).toBe(1);
    expect(await figure(node, 'paygate_rule_matches_total{rule="trial",action="shadow"}')).toBe(2);

    await apply(null);
    await inForce(0);
    expect(await pay(-501)).toMatchObject({ reason: null, version: null, flags: [] });
    await node.drain();
    expect((await audited(database.pool, redis.url)).violations).toEqual([]);
  });

  it('has none where they are switched off, also none that were in force when it started', async () => {
    await apply(documentOf({ ...BIG, action: 'reject' }));
    await node.drain();
    node = await start({ FEATURES: 'cache,metrics,events' });
    await pay(5_000);
    expect(await pay(-501)).toMatchObject({ reason: null, version: null });
    expect(await figure(node, 'paygate_rules_version')).toBe(0);
  });

  it('looks back on what was decided before the rules came, and over a restart', async () => {
    const atMs = Date.now();
    await pay(5_000, atMs);
    await pay(-100, atMs);
    await apply(documentOf({ ...MANY, action: 'reject' }));
    await inForce(1);
    expect(await pay(-100, atMs)).toMatchObject({ reason: null, version: 1 });
    expect(await pay(-100, atMs)).toMatchObject({ reason: 'RULE_REFUSED' });
    await apply(
      documentOf({ ...MANY, action: 'reject', maxCount: 4, windowSeconds: 3_600, counts: 'attempts' }),
    );
    await inForce(2);
    expect(await pay(-100, atMs)).toMatchObject({ reason: null, version: 2 });

    await node.drain();
    node = await start();
    await inForce(2);
    expect(await pay(-100, atMs)).toMatchObject({
      reason: 'RULE_REFUSED',
      version: 2,
      flags: ['reject:many'],
    });
  });

  it('measures windows by when things happened: a backlog is no fraud, and the past cannot be invented', async () => {
    await apply(documentOf({ ...MANY, action: 'reject' }));
    await inForce(1);
    const nowMs = Date.now();
    await pay(100_000, nowMs - 100 * 24 * 60 * minuteMs);
    for (const minutesAgo of [600, 580, 560, 540]) {
      expect(await pay(-100, nowMs - minutesAgo * minuteMs)).toMatchObject({ reason: null, version: 1 });
    }
    // It says that it was earlier than the one before it: then it was at the same time.
    expect(await pay(-100, nowMs - 900 * minuteMs)).toMatchObject({ reason: null, flags: [] });
    expect(await pay(-100, nowMs - 800 * minuteMs)).toMatchObject({ reason: 'RULE_REFUSED' });
    // Later than it came: it is of now, and so are those after it.
    await pay(-100, nowMs + 10 * 60 * minuteMs);
    await pay(-100, nowMs + 20 * 60 * minuteMs);
    expect(await pay(-100, nowMs + 30 * 60 * minuteMs)).toMatchObject({ reason: 'RULE_REFUSED' });
    const { rows } = await database.pool.query<{
      ages: number;
      sorted: boolean;
      early: boolean;
      said: boolean;
    }>(
      `select bool_and(occurred_at >= before) is true as sorted, bool_and(occurred_at <= decided_at) as early,
              bool_or(occurred_at <> created_at) as said
         from (select j.occurred_at, j.decided_at, t.created_at,
                      lag(j.occurred_at, 1, '-infinity') over (order by j.seq) as before
                 from processor.journal j join transactions t on t.id = j.transaction_id) r`,
    );
    expect(rows).toEqual([{ sorted: true, early: true, said: true }]);
  });

  it('a backlog of the Go API is no fraud either, however old it is', async () => {
    await node.drain();
    await apply(documentOf({ ...MANY, action: 'reject' }));
    const dayMs = 24 * 60 * minuteMs;
    const commands = Array.from({ length: 30 }, (_, n) =>
      newCommand({
        accountId,
        type: n === 0 ? 'DEPOSIT' : 'PURCHASE',
        amountCents: n === 0 ? 100_000n : 100n,
        occurredAt: new Date(Date.now() - 40 * dayMs + n * 6 * minuteMs).toISOString(),
      }),
    );
    const none = { String: '', Valid: false };
    for (const command of commands) await insertRow(database.pool, command);
    await publish(
      vhost.url,
      commands.map((command) => ({
        queue: 'transactions_queue' as const,
        body: JSON.stringify({
          id: command.transactionId,
          account_id: accountId,
          card_id: none,
          refund_transaction_id: none,
          amount_cents: Number(command.amountCents),
          status: 'PENDING',
          type: command.type,
          idempotency_key: command.idempotencyKey,
          created_at: command.occurredAt,
        }),
      })),
    );
    node = await start();
    await eventually(async () => {
      const { rows } = await database.pool.query(
        'select count(*)::int as n, count(reason)::int as refused, min(rules_version) as version from processor.journal',
      );
      expect(rows).toEqual([{ n: 30, refused: 0, version: 1 }]);
    });
  });
});

describe('paygate rules', () => {
  const example = fileURLToPath(new URL('../../docs/rules.example.json', import.meta.url));
  let directory: string;
  let env: Record<string, string>;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'paygate-rules-'));
    env = { DATABASE_URL: database.url };
  });
  afterEach(() => rm(directory, { recursive: true }));

  it('checks a file without a server, and names everything that is wrong with it', async () => {
    const good = await paygate(['rules', 'check', example], {});
    expect(good).toMatchObject({ exitCode: 0 });
    expect(good.stdout).toContain('8 rules');
    const bad = join(directory, 'bad.json');
    await writeFile(bad, JSON.stringify({ rules: [{ ...MANY, action: 'block', windowSeconds: 0 }], tz: 1 }));
    const refused = await paygate(['rules', 'check', bad], {});
    expect(refused.exitCode).toBe(1);
    for (const words of ['$.rules[0].action', '$.rules[0].windowSeconds', '"tz"'])
      expect(refused.stderr).toContain(words);
    expect((await paygate(['rules', 'check', join(directory, 'none.json')], {})).exitCode).toBe(2);
    expect((await paygate(['rules', 'apply', bad, '--why', 'x'], env)).exitCode).toBe(1);
    expect(await readRuleSet(database.pool, null)).toBeNull();
  });

  it('applies, shows and takes away', async () => {
    expect((await paygate(['rules', 'show'], env)).stdout).toContain('No rules were ever applied');
    expect((await paygate(['rules', 'apply', example], env)).exitCode).toBe(2);
    const applied = await paygate(['rules', 'apply', example, '--why', 'season', '--operator', 'ada'], env);
    expect(applied).toMatchObject({ exitCode: 0 });
    expect(applied.stdout).toContain('version 1');
    const again = await paygate(['rules', 'apply', example, '--why', 'again', '--json'], env);
    expect(JSON.parse(again.stdout)).toMatchObject({ kind: 'kept', version: 1 });
    const off = await paygate(['rules', 'off', '--why', 'holiday'], env);
    expect(off.stdout).toContain('from version 2 on');
    const shown = await paygate(['rules', 'show', '--version', '1'], env);
    for (const words of ['version 1', 'by ada', 'season', '"card-velocity"'])
      expect(shown.stdout).toContain(words);
    const newest = await paygate(['rules', 'show', '--json'], env);
    expect(JSON.parse(newest.stdout)).toMatchObject({ version: 2, document: null, why: 'holiday' });
    expect((await paygate(['rules', 'show', '--version', '7'], env)).exitCode).toBe(1);
  });
});
