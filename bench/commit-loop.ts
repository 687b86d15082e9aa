/**
 * The bare commit loop: how many decisions a second the ledger writes when nothing else is done, beside a function
 * that writes the same rows without looking at anything first. The ratio is what the gates cost; it stays comparable
 * on a busy machine, since both run in turns.
 *
 *   node --import ./test/support/typescript-loader.mjs bench/commit-loop.ts --url postgres://…/empty_migrated_database
 *
 * Options: --transactions 20000 (a run) --accounts 10000 --batch 500 --lanes 1,2 --rounds 3 --repeats 0 (share of
 * commands that were decided before, in percent)
 */
import { randomUUID } from 'node:crypto';
import { parseArgs } from 'node:util';
import pg from 'pg';
import { PostgresLedger } from '../src/infra/postgres/ledger.ts';
import type { AccountChange, RoadDecision } from '../src/ports/ledger.ts';
import { BareLane, createBareFunction } from './bare-commit.ts';

const { values: options } = parseArgs({
  options: {
    url: { type: 'string' },
    transactions: { type: 'string', default: '20000' },
    accounts: { type: 'string', default: '10000' },
    batch: { type: 'string', default: '500' },
    lanes: { type: 'string', default: '1,2' },
    rounds: { type: 'string', default: '3' },
    repeats: { type: 'string', default: '0' },
  },
});
if (options.url === undefined) throw new Error('--url is missing: an empty, migrated database');
const databaseUrl = options.url;
const SHARDS = 256;
const BATCH = Number(options.batch);

interface BenchAccount {
  readonly id: string;
  readonly shard: number;
  seq: bigint;
  balanceCents: bigint;
}

interface Lane {
  commit(changes: readonly AccountChange[]): Promise<{ readonly outboxId: bigint | null }>;
  close(): Promise<void>;
}

const pool = new pg.Pool({ connectionString: databaseUrl, max: 2 });

async function createAccounts(count: number): Promise<BenchAccount[]> {
  const { rows } = await pool.query<{ n: string }>('select count(*) as n from public.transactions');
  if (rows[0]?.n !== '0') throw new Error('this database has transactions; give one that is empty');
  const accounts = Array.from({ length: count }, (_, n) => ({
    id: randomUUID(),
    shard: n % SHARDS,
    seq: 0n,
    balanceCents: 0n,
  }));
  await pool.query(
    `insert into public.accounts (id, username) select id, 'bench' from unnest($1::uuid[]) as a (id)`,
    [accounts.map((account) => account.id)],
  );
  return accounts;
}

/** PENDING rows as the Go API writes them, and the commands for them in order. */
async function createCommands(accounts: readonly BenchAccount[], count: number): Promise<Planned[]> {
  const planned = Array.from({ length: count }, () => {
    const account = accounts[Math.floor(Math.random() * accounts.length)];
    if (account === undefined) throw new Error('no accounts');
    return { account, transactionId: randomUUID(), key: '' };
  }).map((plan) => ({ ...plan, key: `2026-11-22-10:40:00.000:${plan.account.id}:${plan.transactionId}` }));
  await pool.query(
    `insert into public.transactions (id, account_id, amount_cents, status, type, idempotency_key)
     select id, account, 100, 'PENDING', 'DEPOSIT', key
     from unnest($1::uuid[], $2::uuid[], $3::text[]) as t (id, account, key)`,
    [
      planned.map((plan) => plan.transactionId),
      planned.map((plan) => plan.account.id),
      planned.map((plan) => plan.key),
    ],
  );
  return planned;
}

interface Planned {
  readonly account: BenchAccount;
  readonly transactionId: string;
  readonly key: string;
}

function decide(plan: Planned): RoadDecision {
  const { account } = plan;
  account.seq += 1n;
  account.balanceCents += 100n;
  return {
    command: {
      kind: 'transaction',
      shape: 'live',
      transactionId: plan.transactionId,
      accountId: account.id,
      type: 'DEPOSIT',
      amountCents: 100n,
      cardId: null,
      originalId: null,
      idempotencyKey: plan.key,
      occurredAt: '2026-11-22T10:40:00.123456Z',
    },
    seq: account.seq,
    eventTime: { atMs: 1_795_344_000_123, text: '2026-11-22T10:40:00.123456Z' },
    outcome: 'APPROVED',
    reason: null,
    requestedCents: 100n,
    amountCents: 100n,
    balanceAfterCents: account.balanceCents,
    rowCardId: null,
    rowOriginalId: null,
    cardTotal: null,
    road: 'delivery',
    rulesVersion: null,
    flags: [],
    mayDecideError: false,
  };
}

function changesOf(plans: readonly Planned[]): AccountChange[] {
  const byAccount = new Map<BenchAccount, { previousSeq: bigint; decisions: RoadDecision[] }>();
  for (const plan of plans) {
    const known = byAccount.get(plan.account);
    const change = known ?? { previousSeq: plan.account.seq, decisions: [] };
    if (known === undefined) byAccount.set(plan.account, change);
    change.decisions.push(decide(plan));
  }
  return [...byAccount].map(([account, change]) => ({
    accountId: account.id,
    shard: account.shard,
    epoch: 0n,
    previousSeq: change.previousSeq,
    balanceCents: account.balanceCents,
    decisions: change.decisions,
  }));
}

async function drainLane(
  lane: Lane,
  plans: readonly Planned[],
  repeatsPercent: number,
  seen: readonly string[],
): Promise<void> {
  for (let start = 0; start < plans.length; start += BATCH) {
    const changes = changesOf(plans.slice(start, start + BATCH));
    const repeated = Math.round((changes.length * repeatsPercent) / 100);
    for (const change of changes.slice(0, repeated)) {
      const first = change.decisions[0];
      const earlier = seen[Math.floor(Math.random() * seen.length)];
      // Somebody else's transaction under another id: found `decided`, and left out.
      if (first === undefined || earlier === undefined) continue;
      const other: RoadDecision = { ...first, command: { ...first.command, transactionId: earlier } };
      changes.push({
        ...change,
        accountId: randomUUID(),
        previousSeq: 0n,
        decisions: [{ ...other, seq: 1n }],
      });
    }
    const receipt = await lane.commit(changes);
    if (receipt.outboxId === null) throw new Error('nothing was committed');
  }
}

async function run(
  name: string,
  makeLane: () => Lane,
  accounts: readonly BenchAccount[],
  laneCount: number,
  repeatsPercent = 0,
): Promise<number> {
  const plans = await createCommands(accounts, Number(options.transactions));
  const { rows } = await pool.query<{ id: string }>(
    'select transaction_id as id from processor.journal limit 1000',
  );
  const seen = rows.map((row) => row.id);
  const lanes = Array.from({ length: laneCount }, makeLane);
  const started = performance.now();
  await Promise.all(
    lanes.map((lane, n) =>
      drainLane(
        lane,
        plans.filter((plan) => plan.account.shard % laneCount === n),
        repeatsPercent,
        seen,
      ),
    ),
  );
  const perSecond = plans.length / ((performance.now() - started) / 1000);
  await Promise.all(lanes.map((lane) => lane.close()));
  process.stdout.write(
    `${name.padEnd(18)} ${laneCount} lane(s)  ${perSecond.toFixed(0).padStart(7)} decisions/s\n`,
  );
  return perSecond;
}

const median = (values: number[]): number => values.sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;

const accounts = await createAccounts(Number(options.accounts));
await createBareFunction(pool);
const ledgerLane = (): Lane =>
  new PostgresLedger({
    databaseUrl,
    applicationName: 'paygate:bench',
    incarnation: randomUUID(),
    refundAmount: 'message',
  });
await run('warm-up', ledgerLane, accounts, 1);
await pool.query('vacuum analyze');
for (const laneCount of options.lanes.split(',').map(Number)) {
  const figures: { bare: number[]; ledger: number[] } = { bare: [], ledger: [] };
  for (let round = 0; round < Number(options.rounds); round++) {
    figures.bare.push(await run('bare', () => new BareLane(databaseUrl), accounts, laneCount));
    figures.ledger.push(
      await run('commit_decisions', ledgerLane, accounts, laneCount, Number(options.repeats)),
    );
  }
  const [bare, ledger] = [median(figures.bare), median(figures.ledger)];
  process.stdout.write(
    `median: ${ledger.toFixed(0)} of ${bare.toFixed(0)} = ${(ledger / bare).toFixed(2)}\n`,
  );
}
await pool.end();
