import { counterAccountOf } from '../../src/domain/counter-account.ts';

const AMOUNT_CENTS = 1_000;

const TYPES = { D: 'DEPOSIT', P: 'PURCHASE', C: 'CHARGE', R: 'REFUND' } as const;
/** A refund gives a purchase back. */
const SIGNS = { D: 1, P: -1, C: -1, R: 1 } as const;
type Letter = keyof typeof TYPES;

/** What each account has decided, again and again: 55 % deposits, 35 % purchases, 5 % charges, 5 % refunds. */
const CYCLE = Array.from('DPDDPDPDPDDCPDDPDPRD') as readonly Letter[];

export const CYCLE_LENGTH = CYCLE.length;

export interface CycleRow {
  /** 1 to `CYCLE_LENGTH`. */
  readonly place: number;
  readonly type: (typeof TYPES)[Letter];
  readonly counterAccount: string;
  readonly cents: number;
  /** Of the cycle so far, this one included. */
  readonly sumCents: number;
  /** How many rows before it stands what it refunds; null: it refunds nothing. */
  readonly refundsBack: number | null;
}

/** The rows of a cycle, and what it adds to a balance as the last one's sum. Never below zero on the way. */
export function cycleRows(): readonly CycleRow[] {
  let sumCents = 0;
  return CYCLE.map((letter, index) => {
    const type = TYPES[letter];
    const cents = SIGNS[letter] * AMOUNT_CENTS;
    sumCents += cents;
    return {
      ...{ place: index + 1, type, cents, sumCents, counterAccount: counterAccountOf(type) },
      refundsBack: type === 'REFUND' ? index - CYCLE.lastIndexOf('P', index) : null,
    };
  });
}

/** For the session that fills: all accounts with a number. Foreign keys are right, and looking each of them up would take most of the time. */
export const FILL_ACCOUNTS = `
create temp table fill_accounts as select row_number() over (order by id) as n, id from public.accounts;
analyze fill_accounts;
set session_replication_role = replica;
set synchronous_commit = off;
set statement_timeout = 0;`;

/**
 * $1 to $2: the seqs; $3: the last one of all; $4: when that one is decided, those before a second earlier each; $5: what a cycle adds;
 * $6 to $11: the cycle.
 */
const ROWS = `
with cycle as (
  select * from unnest($6::int[], $7::text[], $8::text[], $9::bigint[], $10::bigint[], $11::int[])
    as c (place, type, counter_account, cents, sum_cents, refunds_back)
), own as (
  select a.id as account_id, s.seq, c.type, c.counter_account, c.cents,
         md5(a.id::text || s.seq::text)::uuid as transaction_id,
         md5(a.id::text || (s.seq - c.refunds_back)::text)::uuid as original_id,
         $5::bigint * ((s.seq - 1) / ${CYCLE_LENGTH}) + c.sum_cents as balance_cents,
         $4::timestamptz - ($3::int - s.seq) * interval '1 second' + (a.n % 10000) * interval '100 microseconds' as decided
    from generate_series($1::int, $2::int) as s (seq)
    join cycle c on c.place = (s.seq - 1) % ${CYCLE_LENGTH} + 1
    cross join fill_accounts a
   order by decided
), keyed as (
  select *, to_char(decided at time zone 'UTC', 'YYYY-MM-DD-HH24:MI:SS.MS') || ':' || account_id || ':' || type || ':' || abs(cents) as key
    from own
)`;

const JOURNAL = `${ROWS}
insert into processor.journal (account_id, seq, transaction_id, type, outcome, requested_cents, amount_cents,
    balance_after_cents, counter_account, original_id, idempotency_key, epoch, road, occurred_at, decided_at)
  select account_id, seq, transaction_id, type, 'APPROVED', abs(cents), cents, balance_cents, counter_account, original_id, key,
         0, 'delivery', decided, decided from keyed`;

const TRANSACTIONS = `${ROWS}
insert into public.transactions (id, account_id, amount_cents, status, type, created_at, idempotency_key, refund_transaction_id)
  select transaction_id, account_id, abs(cents), 'APPROVED', type, decided, key, original_id from keyed`;

const BALANCES = `${ROWS}
insert into processor.accounts (account_id, balance_cents, seq)
  select account_id, balance_cents, seq from keyed where seq = $3::int`;

export interface FillRange {
  readonly from: number;
  readonly to: number;
  /** Of each account when all is filled. */
  readonly last: number;
  /** When the last ones are decided. */
  readonly until: Date;
}

/** What writes the rows `from` to `to` of each account; the balances with the last ones. */
export function fillStatements({ from, to, last, until }: FillRange) {
  const rows = cycleRows();
  const values = [
    ...[from, to, last, until, rows.at(-1)?.sumCents ?? 0],
    ...(['place', 'type', 'counterAccount', 'cents', 'sumCents', 'refundsBack'] as const).map((column) =>
      rows.map((row) => row[column]),
    ),
  ];
  const texts = to === last ? [JOURNAL, TRANSACTIONS, BALANCES] : [JOURNAL, TRANSACTIONS];
  return texts.map((text) => ({ text, values }));
}
