-- Up Migration

-- Seals: what the journal held up to a moment, per shard, each hashed with the one before. A row that is changed, removed or
-- inserted by hand afterwards can be named.

-- Rows are written in the order of time, so blocks stand for stretches of it. Costs a commit nothing that could be measured.
create index journal_decided_at on processor.journal using brin (decided_at) with (pages_per_range = 32, autosummarize = on);

-- What a journal row says: the first 16 bytes of the SHA-256 of its text, too many for anybody to make two rows that share them.
-- The text of a record quotes whatever needs it; times as their eight bytes, since their text depends on the session. Columns
-- that a later migration adds are no part of it: what was sealed before stays right.
create function processor.journal_digest(j processor.journal) returns bytea language sql stable parallel safe as $$
  select substring(sha256(convert_to(row(
    j.account_id, j.seq, j.transaction_id, j.type, j.outcome, j.reason, j.requested_cents, j.amount_cents,
    j.balance_after_cents, j.counter_account, j.original_id, j.card_id, j.covered_rows, j.idempotency_key, j.epoch, j.road,
    j.rules_version, j.flags, encode(timestamptz_send(j.occurred_at), 'hex'), encode(timestamptz_send(j.decided_at), 'hex'),
    j.operator, j.why, j.status_after, j.overdraft_after_cents)::text, 'UTF8')) for 16)
$$;

-- One seal holds runs of rows: the account, the seq of the first, and the digests of all of them in order, 16 bytes each.
create table processor.seals (
  shard int not null,
  n bigint not null check (n > 0),           -- from 1 without gaps, per shard
  sealed_through timestamptz not null,       -- every row of the shard decided until then, and after the seal before
  row_count int not null check (row_count > 0),
  account_ids uuid[] not null,
  first_seqs bigint[] not null,
  digests bytea[] not null,
  previous_hash bytea not null,              -- of n - 1; empty for the first
  hash bytea not null,
  sealed_at timestamptz not null default clock_timestamp(),
  primary key (shard, n)
);
create index seals_through on processor.seals (sealed_through);

create function processor.seal_hash(
  shard int, n bigint, sealed_through timestamptz, account_ids uuid[], first_seqs bigint[], digests bytea[], previous_hash bytea
) returns bytea language sql stable parallel safe as $$
  select sha256(int4send(shard) || int8send(n) || timestamptz_send(sealed_through) || array_send(account_ids)
    || array_send(first_seqs) || array_send(digests) || previous_hash)
$$;

create trigger seals_append_only before update or delete on processor.seals
  for each row execute function processor.refuse_change();
create trigger seals_no_truncate before truncate on processor.seals
  for each statement execute function processor.refuse_change();
