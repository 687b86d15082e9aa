import DataLoader from 'dataloader';
import type pg from 'pg';
import { TRANSACTION_TYPES } from '../../contracts/command.ts';
import type { TransactionType } from '../../contracts/command.ts';
import type { AccountState, OriginalFact } from '../../domain/account.ts';
import type { AccountStatus, Outcome } from '../../domain/codes.ts';
import type { StoredTransaction } from '../../domain/identity.ts';
import { LIMITS } from '../../limits.ts';
import type { PastDecision, PastDecisions } from '../../domain/rules/history.ts';
import type {
  AccountReader,
  CardTotal,
  HistoryRequest,
  HydratedAccount,
  JournalCheck,
} from '../../ports/ledger.ts';
import { plainArray } from './array-literals.ts';
import { LoadPace } from './load-pace.ts';
import { storedTransactionOf } from './commit-answer.ts';
import type { StoredRecord } from './commit-answer.ts';
import {
  CHECK_JOURNALS,
  READ_ACCOUNTS,
  READ_CARD_OWNERS,
  READ_CARD_TOTALS,
  READ_HISTORIES,
  READ_ORIGINALS,
  READ_STORED,
} from './reader-statements.ts';

/** A row that belongs to no account: no command's account is called this. */
const NOBODY = '';

/**
 * Reads what actors need. Calls of one turn of the event loop become one query, under load those of several turns (`LoadPace`), so a
 * thousand actors that start at once cost one round trip; nothing is remembered, every call sees what is committed now.
 */
export class PostgresReader implements AccountReader {
  readonly #accounts: DataLoader<string, HydratedAccount | null>;
  readonly #histories: DataLoader<HistoryRequest, PastDecisions>;
  readonly #cardOwners: DataLoader<string, string | null>;
  readonly #originals: DataLoader<string, OriginalFact>;
  readonly #stored: DataLoader<string, StoredTransaction | null>;
  readonly #cardTotals: DataLoader<string, CardTotal>;
  readonly #journalChecks: DataLoader<string, JournalCheck | null>;

  constructor(pool: pg.Pool) {
    this.#accounts = loader(
      (ids) => pool.query<HydrationRow>({ ...READ_ACCOUNTS, values: [ids] }),
      (row) => ({
        ...accountOf(row),
        hasParked: row.has_parked,
        lastEventMs: row.last_event_ms === null ? -Infinity : Number(row.last_event_ms),
      }),
      () => null,
    );
    this.#histories = new DataLoader((requests) => readHistories(pool, requests), {
      cache: false,
      maxBatchSize: LIMITS.historyBatchMax,
      batchScheduleFn: afterTheTurn,
    });
    this.#cardOwners = loader(
      (ids) => pool.query<CardOwnerRow>({ ...READ_CARD_OWNERS, values: [ids] }),
      (row) => row.account_id ?? NOBODY,
      () => null,
    );
    this.#originals = loader(
      (ids) => pool.query<OriginalRow>({ ...READ_ORIGINALS, values: [ids] }),
      originalOf,
      unknownOriginal,
    );
    this.#stored = loader(
      (ids) => pool.query<StoredRow>({ ...READ_STORED, values: [ids] }),
      (row) => storedTransactionOf(row.stored),
      () => null,
    );
    this.#cardTotals = loader(
      (ids) => pool.query<CardTotalRow>({ ...READ_CARD_TOTALS, values: [ids] }),
      cardTotalOf,
      (cardId) => ({ cardId, totalCents: 0n, seq: 0n }),
    );
    this.#journalChecks = loader(
      (ids) => pool.query<JournalCheckRow>({ ...CHECK_JOURNALS, values: [ids] }),
      (row) => ({ state: accountOf(row), journalCents: BigInt(row.journal_cents) }),
      () => null,
    );
  }

  account(accountId: string): Promise<HydratedAccount | null> {
    return this.#accounts.load(accountId);
  }

  history(request: HistoryRequest): Promise<PastDecisions> {
    return this.#histories.load(request);
  }

  cardOwner(cardId: string): Promise<string | null> {
    return this.#cardOwners.load(cardId);
  }

  original(transactionId: string): Promise<OriginalFact> {
    return this.#originals.load(transactionId);
  }

  stored(transactionId: string): Promise<StoredTransaction | null> {
    return this.#stored.load(transactionId);
  }

  cardTotal(cardId: string): Promise<CardTotal> {
    return this.#cardTotals.load(cardId);
  }

  journalCheck(accountId: string): Promise<JournalCheck | null> {
    return this.#journalChecks.load(accountId);
  }
}

interface IdRow {
  readonly id: string;
}

interface AccountRow extends IdRow {
  readonly balance_cents: string;
  readonly seq: string;
  readonly status: AccountStatus;
  readonly overdraft_cents: string;
}

interface HydrationRow extends AccountRow {
  readonly has_parked: boolean;
  readonly last_event_ms: string | null;
}

interface HistoryRow extends IdRow {
  readonly seq: string;
  readonly at_ms: string;
  readonly type: TransactionType;
  readonly outcome: Outcome;
  readonly requested_cents: string;
  readonly is_credit: boolean;
  readonly card_id: string | null;
}

interface CardOwnerRow extends IdRow {
  readonly account_id: string | null;
}

interface OriginalRow extends IdRow {
  readonly status: string;
  readonly account_id: string | null;
  readonly type: string;
  readonly amount_cents: string;
  readonly card_id: string | null;
  readonly refunded_cents: string;
  readonly has_row: boolean;
}

interface StoredRow extends IdRow {
  readonly stored: StoredRecord;
}

interface CardTotalRow extends IdRow {
  readonly total_cents: string;
  readonly seq: string;
}

interface JournalCheckRow extends AccountRow {
  readonly journal_cents: string;
}

/** Loads by id; `none` is what an id without a row means. */
function loader<Row extends IdRow, Value>(
  query: (ids: string) => Promise<pg.QueryResult<Row>>,
  valueOf: (row: Row) => Value,
  none: (id: string) => Value,
): DataLoader<string, Value> {
  const pace = new LoadPace();
  const load = async (ids: readonly string[]): Promise<Value[]> => {
    pace.began(ids.length);
    const { rows } = await query(plainArray(ids));
    const byId = new Map(rows.map((row) => [row.id, row]));
    return ids.map((id) => {
      const row = byId.get(id);
      return row === undefined ? none(id) : valueOf(row);
    });
  };
  return new DataLoader(load, {
    cache: false,
    maxBatchSize: LIMITS.loaderBatchMax,
    batchScheduleFn: pace.schedule,
  });
}

/** After the turn's I/O, so that deliveries read from one socket buffer share a query. */
function afterTheTurn(dispatch: () => void): void {
  setImmediate(dispatch);
}

/** One query, unless the rule set changes at this very moment. */
async function readHistories(pool: pg.Pool, requests: readonly HistoryRequest[]): Promise<PastDecisions[]> {
  const found = new Map<HistoryRequest, PastDecisions>();
  for (const needs of new Set(requests.map((request) => request.needs))) {
    const alike = requests.filter((request) => request.needs === needs);
    const { rows } = await pool.query<HistoryRow>({
      ...READ_HISTORIES,
      values: [
        plainArray(alike.map(({ accountId }) => accountId)),
        plainArray(alike.map(({ seq }) => seq)),
        needs.windowMs,
        needs.rejected,
        LIMITS.historyKeptMax,
        LIMITS.historyWalkMax,
      ],
    });
    const byAccount = new Map(alike.map(({ accountId }): [string, HistoryRow[]] => [accountId, []]));
    for (const row of rows.reverse()) byAccount.get(row.id)?.push(row);
    for (const request of alike) found.set(request, historyOf(byAccount.get(request.accountId) ?? []));
  }
  return requests.map((request) => found.get(request) ?? historyOf([]));
}

/** Oldest first. */
function historyOf(rows: readonly HistoryRow[]): PastDecisions {
  const withOutcome = (outcome: Outcome): PastDecision[] =>
    rows.filter((row) => row.outcome === outcome).map(pastDecisionOf);
  return { approved: withOutcome('APPROVED'), rejected: withOutcome('REJECTED') };
}

function pastDecisionOf(row: HistoryRow): PastDecision {
  return {
    atMs: Number(row.at_ms),
    seq: Number(row.seq),
    type: row.type,
    cents: BigInt(row.requested_cents),
    isCredit: row.is_credit,
    cardId: row.card_id,
  };
}

function accountOf(row: AccountRow): AccountState {
  return {
    accountId: row.id,
    balanceCents: BigInt(row.balance_cents),
    seq: BigInt(row.seq),
    status: row.status,
    overdraftCents: BigInt(row.overdraft_cents),
  };
}

function originalOf(row: OriginalRow): OriginalFact {
  const type = TRANSACTION_TYPES.find((known) => known === row.type);
  return {
    transactionId: row.id,
    // Something that is no transaction of ours cannot be refunded: neither pending nor approved.
    status: type === undefined ? 'ERROR' : statusOf(row.status),
    accountId: row.account_id ?? NOBODY,
    type: type ?? (row.type as TransactionType),
    amountCents: BigInt(row.amount_cents),
    cardId: row.card_id,
    refundedCents: BigInt(row.refunded_cents),
    hasRow: row.has_row,
  };
}

function statusOf(stored: string): OriginalFact['status'] {
  return stored === 'PENDING' || stored === 'APPROVED' || stored === 'REJECTED' ? stored : 'ERROR';
}

function unknownOriginal(transactionId: string): OriginalFact {
  return {
    transactionId,
    status: 'UNKNOWN',
    accountId: NOBODY,
    type: 'DEPOSIT',
    amountCents: 0n,
    cardId: null,
    refundedCents: 0n,
    hasRow: false,
  };
}

function cardTotalOf(row: CardTotalRow): CardTotal {
  return { cardId: row.id, totalCents: BigInt(row.total_cents), seq: BigInt(row.seq) };
}
