import { randomUUID } from 'node:crypto';
import pg from 'pg';
import type { TransactionCommand } from '../../src/contracts/command.ts';
import type { RejectionCode } from '../../src/domain/codes.ts';
import { COMMIT_DECISIONS, commitCall } from '../../src/infra/postgres/commit-call.ts';
import { receiptOf } from '../../src/infra/postgres/commit-answer.ts';
import type { CommitAnswer } from '../../src/infra/postgres/commit-answer.ts';
import { PostgresLedger } from '../../src/infra/postgres/ledger.ts';
import type { AccountChange, CommitReceipt, RoadDecision } from '../../src/ports/ledger.ts';

/** Rows as the Go API writes them, and commits as an actor hands them over, for tests on a real PostgreSQL. */

export async function newAccount(pool: pg.Pool): Promise<string> {
  const accountId = randomUUID();
  await pool.query(`insert into public.accounts (id, username) values ($1, 'test')`, [accountId]);
  return accountId;
}

export async function newCard(pool: pg.Pool, accountId: string): Promise<string> {
  const cardId = randomUUID();
  await pool.query('insert into public.cards (id, account_id, card_token) values ($1, $2, $3)', [
    cardId,
    accountId,
    `token-${cardId}`,
  ]);
  return cardId;
}

type CommandFields = Partial<TransactionCommand> & Pick<TransactionCommand, 'accountId'>;

/** A live deposit of 1,000 cents unless told otherwise. */
export function newCommand(fields: CommandFields): TransactionCommand {
  const transactionId = randomUUID();
  return {
    kind: 'transaction',
    shape: 'live',
    transactionId,
    type: 'DEPOSIT',
    amountCents: 1_000n,
    cardId: null,
    originalId: null,
    idempotencyKey: `key-${transactionId}`,
    occurredAt: '2026-11-22T10:40:00.123456Z',
    ...fields,
  };
}

/** The row that the Go API commits before it publishes: no refund target, whatever the message says. */
export async function insertRow(
  pool: pg.Pool | pg.ClientBase,
  command: TransactionCommand,
  status: 'PENDING' | 'APPROVED' | 'REJECTED' | 'ERROR' = 'PENDING',
): Promise<void> {
  await pool.query(
    `insert into public.transactions (id, account_id, card_id, amount_cents, status, type, idempotency_key)
     values ($1, $2, $3, $4, $5, $6, $7)`,
    [
      command.transactionId,
      command.accountId,
      command.cardId,
      command.amountCents,
      status,
      command.type,
      command.idempotencyKey,
    ],
  );
}

/** A live command with its row. */
export async function pendingCommand(pool: pg.Pool, fields: CommandFields): Promise<TransactionCommand> {
  const command = newCommand(fields);
  await insertRow(pool, command);
  return command;
}

interface Place {
  /** Default 1. */
  readonly seq?: bigint;
  /** Balance before it, default 0. */
  readonly before?: bigint;
}

/** Debits count minus; a refund counts plus, as that of a purchase. */
export function approved(
  command: TransactionCommand,
  { seq = 1n, before = 0n, ...fields }: Place & Partial<RoadDecision> = {},
): RoadDecision {
  const debit = command.type === 'PURCHASE' || command.type === 'CHARGE';
  const requestedCents = fields.requestedCents ?? command.amountCents;
  const amountCents = debit ? -requestedCents : requestedCents;
  return {
    command,
    seq,
    eventTime: { atMs: Date.parse(command.occurredAt), text: command.occurredAt },
    outcome: 'APPROVED',
    reason: null,
    requestedCents,
    amountCents,
    balanceAfterCents: before + amountCents,
    rowCardId: command.cardId,
    rowOriginalId: command.originalId,
    cardTotal: command.cardId === null ? null : { cardId: command.cardId, deltaCents: -amountCents },
    road: 'delivery',
    rulesVersion: null,
    flags: [],
    mayDecideError: false,
    ...fields,
  };
}

export function rejected(
  command: TransactionCommand,
  reason: RejectionCode,
  { seq = 1n, before = 0n, ...fields }: Place & Partial<RoadDecision> = {},
): RoadDecision {
  return {
    ...approved(command, { seq }),
    outcome: 'REJECTED',
    reason,
    amountCents: 0n,
    balanceAfterCents: before,
    cardTotal: null,
    ...fields,
  };
}

/** The change that these decisions of one account make; on shard 0, epoch 0, unless told otherwise. */
export function changeOf(
  decisions: readonly [RoadDecision, ...RoadDecision[]],
  fields: Partial<AccountChange> = {},
): AccountChange {
  const last = decisions[decisions.length - 1] ?? decisions[0];
  return {
    accountId: decisions[0].command.accountId,
    shard: 0,
    epoch: 0n,
    previousSeq: decisions[0].seq - 1n,
    balanceCents: last.balanceAfterCents,
    decisions,
    ...fields,
  };
}

export const INCARNATION = '11111111-1111-4111-8111-111111111111';

type LedgerOptions = Partial<ConstructorParameters<typeof PostgresLedger>[0]>;

export function ledgerOn(databaseUrl: string, options: LedgerOptions = {}): PostgresLedger {
  return new PostgresLedger({
    databaseUrl,
    applicationName: `paygate:test:${INCARNATION}:lane0`,
    incarnation: INCARNATION,
    refundAmount: 'message',
    ...options,
  });
}

/** A commit that the test holds open: the same call, on a client whose transaction the test ends. */
export async function callCommit(
  client: pg.ClientBase,
  changes: readonly AccountChange[],
): Promise<CommitReceipt> {
  const values = commitCall(changes, { incarnation: INCARNATION, refundAmount: 'message' });
  const { rows } = await client.query<CommitAnswer>(COMMIT_DECISIONS.text, values);
  return receiptOf(changes, rows[0]!);
}

/** Connections of their own for interleaving; closed by `close`. */
export async function newClient(databaseUrl: string, applicationName: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: databaseUrl, application_name: applicationName });
  client.on('error', () => undefined);
  await client.connect();
  return client;
}

export interface StoredRow {
  readonly account_id: string;
  readonly card_id: string | null;
  readonly amount_cents: string;
  readonly status: string;
  readonly type: string;
  readonly created_at: Date;
  readonly idempotency_key: string;
  readonly refund_transaction_id: string | null;
}

export async function rowOf(pool: pg.Pool, transactionId: string): Promise<StoredRow | undefined> {
  const { rows } = await pool.query<StoredRow>('select * from public.transactions where id = $1', [
    transactionId,
  ]);
  return rows[0];
}

/** Balance and seq as the ledger has them; undefined: it does not know the account. */
export async function standingOf(
  pool: pg.Pool,
  accountId: string,
): Promise<{ balance_cents: string; seq: string } | undefined> {
  const { rows } = await pool.query<{ balance_cents: string; seq: string }>(
    'select balance_cents, seq from processor.accounts where account_id = $1',
    [accountId],
  );
  return rows[0];
}

/** Ids of the decided transactions of an account, by seq. */
export async function journalOf(pool: pg.Pool, accountId: string): Promise<string[]> {
  const { rows } = await pool.query<{ transaction_id: string }>(
    'select transaction_id from processor.journal where account_id = $1 order by seq',
    [accountId],
  );
  return rows.map((row) => row.transaction_id);
}
