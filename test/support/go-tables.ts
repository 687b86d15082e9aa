/** As the Go API's own migrations make them (contract section 3). */
export const GO_TABLES = `
  create table accounts(id uuid primary key default gen_random_uuid(), username varchar(100) not null,
    created_at timestamptz not null default now(), updated_at timestamptz not null default now());
  create table cards(id uuid primary key default gen_random_uuid(), account_id uuid references accounts on delete cascade,
    card_token varchar(255) not null unique, last_four_digits varchar(4), created_at timestamptz not null default now());
  create table transactions(id uuid primary key default gen_random_uuid(), account_id uuid references accounts on delete cascade,
    card_id uuid references cards, amount_cents bigint not null, status varchar(50) not null,
    type varchar(50) not null, created_at timestamptz not null default now(),
    idempotency_key varchar(255) unique, refund_transaction_id uuid references transactions);
  create type transaction_status as enum ('PENDING','APPROVED','REJECTED','ERROR');`;
