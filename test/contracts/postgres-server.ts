import type pg from 'pg';
import { afterEach, beforeEach } from 'vitest';
import { PostgresDeadLetterStore } from '../../src/infra/postgres/dead-letter-store.ts';
import { PostgresOperatorLedger } from '../../src/infra/postgres/operator-ledger.ts';
import { PostgresOutboxStore } from '../../src/infra/postgres/outbox-store.ts';
import { PostgresParkStore } from '../../src/infra/postgres/park-store.ts';
import { PostgresQuarantineStore } from '../../src/infra/postgres/quarantine-store.ts';
import { PostgresReader } from '../../src/infra/postgres/reader.ts';
import { PostgresRetryStore } from '../../src/infra/postgres/retry-store.ts';
import { PostgresShardDirectory } from '../../src/infra/postgres/shard-directory.ts';
import { PostgresSweepStore } from '../../src/infra/postgres/sweep-store.ts';
import {
  INCARNATION,
  insertRow,
  journalOf,
  ledgerOn,
  newAccount,
  newCard,
  rowOf,
  standingOf,
} from '../support/ledger-fixtures.ts';
import { withDatabase } from '../support/services.ts';
import type { LedgerServer, RowSeen } from './ledger-server.ts';

/** A database of its own for each test of a file. */
export function usePostgres(): () => LedgerServer {
  let present: LedgerServer | null = null;
  const closers: (() => Promise<void>)[] = [];
  beforeEach(async () => {
    const database = await withDatabase();
    present = await serverOn(database.pool, database.url, closers);
    closers.push(() => database.drop());
  });
  afterEach(async () => {
    for (const close of closers.splice(0)) await close();
  });
  return () => {
    if (present === null) throw new Error('no test is running');
    return present;
  };
}

async function serverOn(
  pool: pg.Pool,
  databaseUrl: string,
  closers: (() => Promise<void>)[],
): Promise<LedgerServer> {
  const ledger = ledgerOn(databaseUrl);
  closers.push(() => ledger.close());
  return Promise.resolve({
    ledger,
    operatorLedger: new PostgresOperatorLedger(pool, INCARNATION),
    reader: new PostgresReader(pool),
    letters: new PostgresDeadLetterStore(pool),
    retries: new PostgresRetryStore(pool),
    parked: new PostgresParkStore(pool),
    quarantines: new PostgresQuarantineStore(pool, { nodeId: 'node-1', incarnation: INCARNATION }),
    directoryOf: (claimant) => new PostgresShardDirectory(pool, claimant),
    outboxOf: (incarnation) => new PostgresOutboxStore(pool, incarnation),
    sweepsOf: (incarnation) => {
      const store = new PostgresSweepStore({ databaseUrl, applicationName: `paygate:${incarnation}` });
      closers.push(() => store.release());
      return store;
    },
    newAccount: () => newAccount(pool),
    newCard: (accountId) => newCard(pool, accountId),
    ...rowsOn(pool),
    ...lookAt(pool),
  });
}

function rowsOn(pool: pg.Pool): Pick<LedgerServer, 'insertRow' | 'deleteRow' | 'rowOf'> {
  return {
    insertRow: async (command, status, ageMs = 0) => {
      await insertRow(pool, command, status);
      await pool.query(
        `update public.transactions set created_at = now() - $2 * interval '1 millisecond' where id = $1`,
        [command.transactionId, ageMs],
      );
    },
    deleteRow: async (transactionId) => {
      await pool.query('delete from public.transactions where id = $1', [transactionId]);
    },
    rowOf: async (transactionId) => {
      const row = await rowOf(pool, transactionId);
      if (row === undefined) return null;
      return {
        accountId: row.account_id,
        type: row.type as RowSeen['type'],
        amountCents: BigInt(row.amount_cents),
        cardId: row.card_id,
        idempotencyKey: row.idempotency_key,
        status: row.status as RowSeen['status'],
        originalId: row.refund_transaction_id,
      };
    },
  };
}

type Look = Pick<
  LedgerServer,
  'standingOf' | 'setBalance' | 'journalOf' | 'lettersSeen' | 'closeLetters' | 'outboxSeen'
>;

function lookAt(pool: pg.Pool): Look {
  return {
    standingOf: async (accountId) => {
      const standing = await standingOf(pool, accountId);
      if (standing === undefined) return null;
      return { balanceCents: BigInt(standing.balance_cents), seq: BigInt(standing.seq) };
    },
    setBalance: async (accountId, balanceCents) => {
      await pool.query('update processor.accounts set balance_cents = $2 where account_id = $1', [
        accountId,
        balanceCents,
      ]);
    },
    journalOf: (accountId) => journalOf(pool, accountId),
    lettersSeen: async () => {
      const { rows } = await pool.query<{ said: string }>(
        `select code || ' ' || state as said from processor.dead_letters order by id`,
      );
      return rows.map(({ said }) => said);
    },
    closeLetters: async () => {
      await pool.query(`update processor.dead_letters set state = 'discarded', closed_at = now()`);
    },
    outboxSeen: async () => {
      const { rows } = await pool.query<{ id: string }>('select id from processor.outbox order by id');
      return rows.map(({ id }) => BigInt(id));
    },
  };
}
