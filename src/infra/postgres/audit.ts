import type pg from 'pg';
import { shardOf } from '../../domain/shard.ts';
import { CacheAudit } from './audit-cache.ts';
import type { LedgerBalance, ReadCached } from './audit-cache.ts';
import { ViolationTally } from './audit-report.ts';
import type { AuditCounts, AuditReport, OnViolation, SealCounts, Violation } from './audit-report.ts';
import { findAll, findSome } from './audit-findings.ts';
import type { Place } from './audit-findings.ts';
import { findSealHead } from './audit-seal-head.ts';
import { planSealAudit } from './audit-seals.ts';
import * as statements from './audit-statements.ts';
import { poolTransaction } from './pool-transaction.ts';

/**
 * Checks the promises over the whole ledger: every transaction decided at most once, every balance explained by its journal,
 * by the contract's formula and by the cache.
 *
 * A1. One snapshot: a node may go on working meanwhile, and what it commits is not seen half.
 * A2. Nothing is repaired or written.
 * A3. Memory here is bounded by one range of accounts; what is larger is added up by the server.
 */

export interface AuditOptions {
  readonly pool: pg.Pool;
  /** Reads the cache; without it the cache is not checked. */
  readonly readCached?: ReadCached;
  /** Every account (and card) with a decision of ours must be in the cache. */
  readonly expectCached?: boolean;
  /** Nothing may be left to do: no pending row without a reason, no outbox row. */
  readonly expectDrained?: boolean;
  readonly onProgress?: (done: number, total: number) => void;
  /** Samples of each kind of violation; default 10. */
  readonly sampleMax?: number;
  /** Told of each violation when it is found; without it only samples are read. */
  readonly onViolation?: OnViolation;
  /** A head of the seals that was kept from an earlier audit, 64 hex digits: the seals must have made it at some moment. */
  readonly sealHead?: string;
  /** Accounts, or cards, looked at in one statement; default 20,000. */
  readonly rangeAccounts?: number;
}

/** Rejects with the driver's error when the database, or with the reader's when the cache, does not answer. */
export async function auditLedger(options: AuditOptions): Promise<AuditReport> {
  const startedAtMs = performance.now();
  const audit = new Audit(options);
  await poolTransaction(options.pool, (client) => audit.run(client), 'begin isolation level repeatable read');
  await audit.settle();
  return audit.report(Math.round(performance.now() - startedAtMs));
}

const SETTINGS = [
  'set local statement_timeout = 0',
  // The cache is read in between.
  'set local idle_in_transaction_session_timeout = 0',
  "set local work_mem = '64MB'",
  'set local jit = off',
];

const GLOBAL_CHECKS = [
  statements.TRANSACTION_ROWS,
  statements.ACCOUNT_SUMS,
  statements.REFUNDS,
  statements.CARD_TOTALS,
];
const RANGE_CHECKS = [statements.JOURNAL_CHAIN, statements.ACCOUNT_ROWS];

const LOWEST_ID = '00000000-0000-0000-0000-000000000000';

/** `from` ≤ id < `to`; null = to the end. */
type Range = readonly [from: string, to: string | null];

interface AccountRow {
  readonly id: string;
  readonly cents: string;
  readonly epoch: string;
  readonly touched: boolean;
}

class Audit {
  readonly #options: AuditOptions;
  readonly #sampleMax: number;
  readonly #tally: ViolationTally;
  readonly #cache: CacheAudit | null;
  #pending: Violation | null = null;
  #counts: Omit<AuditCounts, 'cached'> | null = null;
  #sealed: SealCounts | null = null;

  constructor(options: AuditOptions) {
    this.#options = options;
    this.#sampleMax = options.sampleMax ?? 10;
    this.#tally = new ViolationTally(this.#sampleMax, options.onViolation ?? null);
    const { expectCached = false, expectDrained = false, readCached } = options;
    this.#cache =
      readCached === undefined
        ? null
        : new CacheAudit(readCached, { expectCached, expectDrained }, this.#tally);
  }

  async run(client: pg.PoolClient): Promise<void> {
    for (const setting of SETTINGS) await client.query(setting);
    const ranges = await this.#ranges(client, statements.ACCOUNT_RANGE_STARTS);
    const cardRanges = this.#cache === null ? [] : await this.#ranges(client, statements.CARD_RANGE_STARTS);
    const shardEpochs = await epochsByShard(client);
    const seals = await planSealAudit(client);
    this.#sealed = await this.#keptHead(client, seals.counts);
    // Ranges are worth one step each, every other statement too.
    const total = ranges.length + cardRanges.length + GLOBAL_CHECKS.length + seals.checks.length + 2;
    let done = 0;
    const step = (): void => this.#options.onProgress?.((done += 1), total);
    this.#options.onProgress?.(0, total);

    this.#counts = await countAll(client);
    step();
    for (const range of ranges) {
      for (const check of RANGE_CHECKS) await this.#check(client, check, range);
      await this.#accounts(client, range, shardEpochs);
      step();
    }
    for (const range of cardRanges) {
      await this.#cards(client, range);
      step();
    }
    for (const check of GLOBAL_CHECKS) {
      await this.#check(client, check);
      step();
    }
    for (const { findings, place } of seals.checks) {
      await this.#check(client, findings, place);
      step();
    }
    await this.#leftovers(client);
    step();
  }

  /** Outside of the snapshot: the cache is compared with the ledger as it is by now. */
  async settle(): Promise<void> {
    await this.#cache?.settle(this.#options.pool);
  }

  report(durationMs: number): AuditReport {
    if (this.#counts === null || this.#sealed === null) throw new Error('the audit has not run');
    const violations = this.#tally.violations();
    const counts = { ...this.#counts, cached: this.#cache?.compared ?? 0 };
    return {
      ok: violations.length === 0,
      counts,
      sealed: this.#sealed,
      pending: this.#pending,
      violations,
      durationMs,
    };
  }

  async #keptHead(client: pg.PoolClient, counts: SealCounts): Promise<SealCounts> {
    const { sealHead } = this.#options;
    if (sealHead === undefined) return counts;
    const keptThrough = await findSealHead(client, sealHead);
    if (keptThrough !== null) return { ...counts, keptThrough };
    const detail = `at no moment the seals made the head ${sealHead}: they were made anew since, or are those of another ledger`;
    this.#tally.add('seal-head-unknown', 1, [{ accountId: null, transactionId: null, detail }]);
    return counts;
  }

  async #ranges(client: pg.PoolClient, sql: string): Promise<readonly Range[]> {
    const { rows } = await client.query<{ id: string }>(sql, [this.#options.rangeAccounts ?? 20_000]);
    const starts = [LOWEST_ID, ...rows.map((row) => row.id)];
    return starts.map((from, index) => [from, starts[index + 1] ?? null]);
  }

  async #check(client: pg.PoolClient, findings: string, place: Place | null = null): Promise<void> {
    if (this.#options.onViolation !== undefined) {
      for await (const { kind, sample } of findAll(client, findings, place))
        this.#tally.add(kind, 1, [sample]);
      return;
    }
    for (const { kind, count, samples } of await findSome(client, findings, place, this.#sampleMax)) {
      this.#tally.add(kind, count, samples);
    }
  }

  /** What SQL alone cannot compare: epochs, since the shard is a hash of ours, and the cache. */
  async #accounts(client: pg.PoolClient, range: Range, shardEpochs: readonly bigint[]): Promise<void> {
    const { rows } = await client.query<AccountRow>(statements.LEDGER_ACCOUNTS, [...range]);
    for (const { id, epoch } of rows) {
      const shard = shardOf(id, shardEpochs.length);
      const shardEpoch = shardEpochs[shard] ?? 0n;
      if (BigInt(epoch) <= shardEpoch) continue;
      const detail = `last journal row has epoch ${epoch}, its shard ${shard} only ${shardEpoch.toString()}`;
      this.#tally.add('epoch-ahead', 1, [{ accountId: id, transactionId: null, detail }]);
    }
    await this.#cache?.compare(
      'account',
      rows.map((row) => ({ ...row, kind: 'account', accountId: row.id })),
    );
  }

  async #cards(client: pg.PoolClient, range: Range): Promise<void> {
    const { rows } = await client.query<Omit<LedgerBalance, 'kind'>>(statements.LEDGER_CARDS, [...range]);
    await this.#cache?.compare(
      'card',
      rows.map((row) => ({ ...row, kind: 'card' })),
    );
  }

  async #leftovers(client: pg.PoolClient): Promise<void> {
    const [pending] = await findSome(client, statements.PENDING_UNTOUCHED, null, this.#sampleMax);
    this.#pending = pending ?? null;
    if (this.#options.expectDrained !== true) return;
    await this.#check(client, statements.PENDING_UNTOUCHED);
    await this.#check(client, statements.OUTBOX_LEFT);
  }
}

/** Index = shard. */
async function epochsByShard(client: pg.PoolClient): Promise<readonly bigint[]> {
  const { rows } = await client.query<{ shard: number; epoch: string }>(statements.SHARD_EPOCHS);
  const epochs = new Array<bigint>(rows.length).fill(0n);
  for (const { shard, epoch } of rows) epochs[shard] = BigInt(epoch);
  return epochs;
}

async function countAll(client: pg.PoolClient): Promise<Omit<AuditCounts, 'cached'>> {
  const decisions = await client.query<{ outcome: string; reason: string | null; count: number }>(
    statements.DECISION_COUNTS,
  );
  type OtherCounts = Omit<AuditCounts, 'cached' | 'decisions' | 'approved' | 'rejected' | 'rejectedByReason'>;
  const others = await client.query<OtherCounts>(statements.OTHER_COUNTS);
  const [other] = others.rows;
  if (other === undefined) throw new Error('the database gave no counts');
  const byReason: Record<string, number> = {};
  let approved = 0;
  for (const { outcome, reason, count } of decisions.rows) {
    if (outcome === 'APPROVED') approved += count;
    else byReason[reason ?? 'unknown'] = count;
  }
  const rejected = Object.values(byReason).reduce((sum, count) => sum + count, 0);
  return { ...other, decisions: approved + rejected, approved, rejected, rejectedByReason: byReason };
}
