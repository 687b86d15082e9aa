/**
 * Without these: a row of the journal could be changed, removed or slipped in by whoever owns the database, with everything that adds up
 * put right as well, and nobody would ever know; or a sealer that died, or two of them, would leave gaps that look like that.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { shardOf } from '../../src/domain/shard.ts';
import { auditLedger } from '../../src/infra/postgres/audit.ts';
import { SEAL_VIOLATION_KINDS } from '../../src/infra/postgres/audit-report.ts';
import type { AuditReport, ViolationKind } from '../../src/infra/postgres/audit-report.ts';
import { PostgresSealStore } from '../../src/infra/postgres/seal-store.ts';
import type { SealHorizon, SealStep } from '../../src/ports/seals.ts';
import { ADVISORY_LOCKS } from '../../src/infra/postgres/advisory-locks.ts';
import { eventually } from '../support/eventually.ts';
import { startNode } from '../../src/node.ts';
import { QuietLogger } from '../support/fakes/quiet.ts';
import { paygate } from '../support/paygate.ts';
import { freshRedis, freshVhost } from '../support/services.ts';
import { configOf, environmentOf, figure } from './node-scene.ts';
import { newClient } from '../support/ledger-fixtures.ts';
import { useDatabase } from '../support/use-database.ts';
import { addEntry, FRESH, INHERITED, OLD, TX, unlockJournal, uuid, writeLedger } from './audit-ledger.ts';

const database = useDatabase();
type Sealed = Extract<SealStep, { kind: 'sealed' }>;

/** Tests beside this one have commits under way on the same server. */
const oneStep = (store: PostgresSealStore, horizon: SealHorizon): Promise<Sealed> =>
  eventually(async () => {
    const step = await store.seal(horizon);
    if (step.kind !== 'sealed') throw new Error(`the step was ${step.kind}`);
    return step;
  });

/** Everything decided so far, in steps of this many rows. */
async function sealAll(rowsMax = 20_000): Promise<number> {
  const store = new PostgresSealStore(database.pool, { lagMs: 0, rowsMax });
  const horizon = await store.horizon();
  for (let sealed = 0; ;) {
    const step = await oneStep(store, horizon);
    sealed += step.rows;
    if (!step.more) return sealed;
  }
}

const audit = (kept: { readonly sealHead?: string } = {}): Promise<AuditReport> =>
  auditLedger({ pool: database.pool, ...kept });

async function deposit(seq: number): Promise<void> {
  await addEntry(database.pool, {
    accountId: FRESH,
    seq,
    id: uuid(3, seq),
    type: 'DEPOSIT',
    cents: 10,
    status: 'APPROVED',
    effect: 10,
    after: 550 + 10 * (seq - 8),
  });
  await database.pool.query(
    'update processor.accounts set balance_cents = balance_cents + 10, seq = $2 where account_id = $1',
    [FRESH, seq],
  );
}

async function change(sql: string, ...values: readonly unknown[]): Promise<void> {
  await unlockJournal(database.pool);
  await database.pool.query('alter table processor.seals disable trigger user');
  await database.pool.query(sql, [...values]);
}

beforeEach(async () => {
  await writeLedger(database.pool);
});

describe('what is sealed', () => {
  it('is found right, opening rows included', async () => {
    expect(await sealAll()).toBe(10);
    await deposit(9);
    expect(await sealAll()).toBe(1);
    const report = await audit();
    expect(report.violations).toEqual([]);
    expect(report.sealed).toMatchObject({ seals: 3, rows: 11 });
    expect(report.sealed.head).toMatch(/^[0-9a-f]{64}$/);
  });

  it('is found right in steps of two rows', async () => {
    expect(await sealAll(2)).toBe(10);
    const report = await audit();
    expect(report.violations).toEqual([]);
    expect(report.sealed.seals).toBeGreaterThan(4);
  });

  it('is nothing where nothing was decided, and nothing twice', async () => {
    await sealAll();
    expect(await sealAll()).toBe(0);
    await change('truncate processor.journal, processor.seals');
    expect(await sealAll()).toBe(0);
  });

  it('goes on where another sealer has died', async () => {
    const store = new PostgresSealStore(database.pool, { lagMs: 0, rowsMax: 3 });
    expect(await oneStep(store, await store.horizon())).toMatchObject({ more: true });
    await deposit(9);
    await sealAll();
    const report = await audit();
    expect(report.violations).toEqual([]);
    expect(report.sealed.rows).toBe(11);
  });

  it('is one sealer’s work at a time', async () => {
    const stores = [1, 2].map(() => new PostgresSealStore(database.pool, { lagMs: 0, rowsMax: 1 }));
    const horizon = await stores[0]!.horizon();
    await Promise.all(
      stores.map(async (store) => {
        for (;;) {
          const step = await store.seal(horizon);
          if (step.kind === 'sealed' && !step.more) return;
        }
      }),
    );
    const report = await audit();
    expect(report.violations).toEqual([]);
    expect(report.sealed.rows).toBe(10);
  });

  it('is left alone while another sealer is at it', async () => {
    const other = await newClient(database.url, 'paygate:other');
    await other.query('begin');
    await other.query('select pg_advisory_xact_lock($1)', [ADVISORY_LOCKS.seal]);
    const store = new PostgresSealStore(database.pool, { lagMs: 0 });
    expect(await store.seal(await store.horizon())).toEqual({ kind: 'busy' });
    await other.end();
  });

  it('waits for a commit that takes longer than everything else', async () => {
    const slow = await newClient(database.url, 'paygate:slow');
    await slow.query('begin');
    await slow.query(`update processor.accounts set seq = seq where account_id = $1`, [INHERITED]);
    const store = new PostgresSealStore(database.pool, { lagMs: 0 });
    const horizon = await store.horizon();
    expect(await store.seal(horizon)).toEqual({ kind: 'waiting' });
    await slow.query('commit');
    await slow.end();
    expect(await oneStep(store, horizon)).toMatchObject({ rows: 10 });
  });

  it('cannot be changed by accident', async () => {
    await sealAll();
    for (const sql of [
      'delete from processor.seals',
      'update processor.seals set n = n + 1',
      'truncate processor.seals',
    ])
      await expect(database.pool.query(sql)).rejects.toThrow('what is written there stays');
  });
});

/** What was done after everything was sealed, what must be found of it, and what must be named. */
const tamperings: readonly (readonly [string, ViolationKind, readonly string[], () => Promise<void>])[] = [
  [
    'a reason changed by hand',
    'sealed-row-changed',
    [FRESH, TX.tooMuch, 'seq 6'],
    () =>
      change(`update processor.journal set reason = 'CARD_UNKNOWN' where transaction_id = $1`, TX.tooMuch),
  ],
  [
    'a time changed by hand',
    'sealed-row-changed',
    [FRESH, TX.charge, 'seq 3'],
    () =>
      change(
        `update processor.journal set decided_at = decided_at + interval '1 day' where transaction_id = $1`,
        TX.charge,
      ),
  ],
  [
    'a flag removed by hand',
    'sealed-row-changed',
    [INHERITED, 'seq 1'],
    () =>
      change(
        `update processor.journal set flags = '{flag:large}' where account_id = $1 and seq = 1`,
        INHERITED,
      ),
  ],
  [
    'the last row of an account removed, and everything that shows it',
    'sealed-row-missing',
    [INHERITED, 'seq 2'],
    async () => {
      await change('delete from processor.journal where transaction_id = $1', OLD.refundSince);
      await change('delete from public.transactions where id = $1', OLD.refundSince);
      await change(
        'update processor.accounts set seq = 1, balance_cents = -400 where account_id = $1',
        INHERITED,
      );
      await change('update processor.card_totals set total_cents = 600');
    },
  ],
  [
    'a row slipped in with an old time',
    'row-not-sealed',
    [FRESH, uuid(3, 10), 'seq 10'],
    async () => {
      await deposit(10);
      await change(
        `update processor.journal set decided_at = decided_at - interval '1 hour' where transaction_id = $1`,
        uuid(3, 10),
      );
    },
  ],
  [
    'a seal changed to fit',
    'seal-changed',
    [`seal 1 of shard ${shardOf(FRESH, 256)}`],
    () =>
      change(
        `update processor.seals set digests[1] = overlay(digests[1] placing '\\x00'::bytea from 1) where shard = $1`,
        shardOf(FRESH, 256),
      ),
  ],
  [
    'a seal changed and hashed again',
    'seal-unchained',
    [`seal 2 of shard ${shardOf(FRESH, 256)}`],
    () =>
      change(
        `update processor.seals s
            set sealed_through = s.sealed_through - interval '1 microsecond',
                hash = processor.seal_hash(s.shard, s.n, s.sealed_through - interval '1 microsecond', s.account_ids, s.first_seqs, s.digests, s.previous_hash)
          where s.shard = $1 and s.n = 1`,
        shardOf(FRESH, 256),
      ),
  ],
  [
    'a seal taken out of its chain',
    'seal-gap',
    [`seal 2 of shard ${shardOf(FRESH, 256)} follows seal 0`],
    () => change('delete from processor.seals where shard = $1 and n = 1', shardOf(FRESH, 256)),
  ],
];

describe('a sealed ledger with', () => {
  beforeEach(async () => {
    await sealAll();
    await deposit(9);
    await sealAll();
    expect((await audit()).violations).toEqual([]);
  });

  it.each(tamperings)('%s: %s', async (_, expected, named, tamper) => {
    await tamper();
    const report = await audit();
    expect(report.ok).toBe(false);
    const found = report.violations.find(({ kind }) => kind === expected);
    for (const name of named) expect(JSON.stringify(found?.samples)).toContain(name);
  });

  it('all seals made anew to fit: seal-head-unknown, for whoever has kept a head', async () => {
    const { sealed: before } = await audit();
    const sealHead = before.head ?? '';
    await deposit(10);
    await sealAll();
    // Of a moment that later seals came after, and of the present one.
    const through = before.through ?? '';
    expect(await audit({ sealHead })).toMatchObject({ ok: true, sealed: { keptThrough: through } });
    const { sealed: now } = await audit();
    expect(await audit({ sealHead: now.head ?? '' })).toMatchObject({
      ok: true,
      sealed: { keptThrough: now.through },
    });
    await change('truncate processor.seals');
    await change(
      `update processor.journal set reason = 'CARD_UNKNOWN' where transaction_id = $1`,
      TX.tooMuch,
    );
    await sealAll();
    expect((await audit()).violations).toEqual([]);
    const report = await audit({ sealHead });
    expect(report.violations.map(({ kind }) => kind)).toEqual(['seal-head-unknown']);
    expect(JSON.stringify(report.violations)).toContain(sealHead);
    expect(report.sealed.keptThrough).toBeUndefined();
  });

  it('every kind of violation of seals is among these', () => {
    const made = new Set<ViolationKind>([...tamperings.map(([, kind]) => kind), 'seal-head-unknown']);
    expect(SEAL_VIOLATION_KINDS.filter((kind) => !made.has(kind))).toEqual([]);
  });
});

const PATIENT = { timeoutMs: 150_000, pollMs: 100 };

describe('a node', () => {
  it('seals what it has decided, and `paygate verify` names what was changed afterwards', async () => {
    const [vhost, redis] = await Promise.all([freshVhost(), freshRedis()]);
    const place = { databaseUrl: database.url, rabbitmqUrl: vhost.url, redisUrl: redis.url };
    const settings = { SEAL_INTERVAL_MS: '1000', REFUND_AMOUNT: 'message' };
    const node = await startNode(configOf(place, settings), { logger: new QuietLogger() });
    try {
      // Nothing is sealed while an older transaction is open anywhere on the server, and other tests have some.
      await eventually(async () => {
        expect(await figure(node, 'paygate_sealed_rows_total')).toBe(10);
        expect(await figure(node, 'paygate_seal_age_seconds')).toBeGreaterThan(0);
      }, PATIENT);
    } finally {
      await node.drain();
    }
    const environment = environmentOf(place);
    const right = await paygate(['verify', '--json'], environment);
    expect(JSON.parse(right.stdout)).toMatchObject({ ok: true, sealed: { rows: 10 } });
    expect(right.exitCode).toBe(0);
    const directory = await mkdtemp(join(tmpdir(), 'paygate-head-'));
    const kept = join(directory, 'verify.json');
    await writeFile(kept, right.stdout);
    const asKept = await paygate(['verify', '--seal-head', kept], environment);
    expect(asKept.stdout).toContain('the head given is that of ');
    expect(asKept.exitCode).toBe(0);
    const foreign = await paygate(['verify', '--seal-head', 'f'.repeat(64)], environment);
    expect(foreign.stdout).toContain('seal-head-unknown');
    expect(foreign.exitCode).toBe(1);
    expect((await paygate(['verify', '--seal-head', 'no/such/file'], environment)).exitCode).toBe(2);
    await change(
      `update processor.journal set reason = 'CARD_UNKNOWN' where transaction_id = $1`,
      TX.tooMuch,
    );
    const wrong = await paygate(['verify'], environment);
    expect(wrong.stdout).toContain(`account ${FRESH}, transaction ${TX.tooMuch}: seq 6 is not what it was`);
    expect(wrong.exitCode).toBe(1);
    await Promise.all([vhost.drop(), redis.drop(), rm(directory, { recursive: true })]);
  });
});
