import type pg from 'pg';
import type { MigrateCheck } from './migrate-checks.ts';

/** Of the Go API (contract section 3). */
const COLUMNS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  accounts: { id: 'uuid', username: 'varchar', created_at: 'timestamptz', updated_at: 'timestamptz' },
  cards: {
    id: 'uuid',
    account_id: 'uuid',
    card_token: 'varchar',
    last_four_digits: 'varchar',
    created_at: 'timestamptz',
  },
  transactions: {
    id: 'uuid',
    account_id: 'uuid',
    card_id: 'uuid',
    amount_cents: 'int8',
    status: 'varchar',
    type: 'varchar',
    created_at: 'timestamptz',
    idempotency_key: 'varchar',
    refund_transaction_id: 'uuid',
  },
};

/** No statement of a node or a command reads these: any type will do. */
const UNREAD = new Set([
  'accounts.username',
  'accounts.created_at',
  'accounts.updated_at',
  'cards.card_token',
  'cards.last_four_digits',
  'cards.created_at',
]);

/** What has to fit in, in characters: the longest word of the contract, and the longest key. */
const CHARACTERS: Readonly<Record<string, number>> = {
  'transactions.status': 8,
  'transactions.type': 8,
  'transactions.idempotency_key': 255,
};

interface Column {
  readonly table: string;
  readonly column: string;
  readonly type: string;
  /** null: without a limit. */
  readonly characters: number | null;
}

const READ_COLUMNS = `
select table_name as "table", column_name as "column", udt_name as "type", character_maximum_length as "characters"
  from information_schema.columns where table_schema = 'public' and table_name = any ($1)`;

interface CheckedTables {
  readonly check: MigrateCheck;
  /** Whether all are there and can be read. */
  readonly areComplete: boolean;
}

/**
 * The Go API's tables as they are, beside those of the contract. A type that differs is a note where everything of the contract fits into
 * it and all our statements take it: `text`, and whatever nobody reads. Others stand in the way: narrower or exact numbers (an amount is
 * up to 2^53, in whole cents), times without a zone, ids that are no uuid, enumerations.
 */
export async function checkTables(pool: pg.Pool): Promise<CheckedTables> {
  const { rows } = await pool.query<Column>(READ_COLUMNS, [Object.keys(COLUMNS)]);
  const found = new Map(rows.map((row) => [`${row.table}.${row.column}`, row]));
  const tables = new Set(rows.map(({ table }) => table));
  const differences = [...tables].flatMap((table) =>
    Object.entries(COLUMNS[table] ?? {}).flatMap(([column, type]) => {
      const place = `${table}.${column}`;
      return differenceOf(place, type, found.get(place));
    }),
  );
  const name = 'tables';
  const wrong = differences.filter(({ fits }) => !fits);
  if (wrong.length > 0)
    return { check: { name, state: 'in-the-way', detail: words(wrong) }, areComplete: false };
  const missing = Object.keys(COLUMNS).filter((table) => !tables.has(table));
  if (missing.length > 0) {
    const detail = `would create ${missing.join(', ')}: is DATABASE_URL the database of the Go API?`;
    return { check: { name, state: 'note', detail }, areComplete: false };
  }
  const check: MigrateCheck =
    differences.length === 0
      ? { name, state: 'ok', detail: "the Go API's three are there" }
      : { name, state: 'note', detail: `${words(differences)}: not as in the contract, but everything fits` };
  return { check, areComplete: true };
}

interface Difference {
  readonly words: string;
  readonly fits: boolean;
}

function differenceOf(place: string, wanted: string, there: Column | undefined): readonly Difference[] {
  if (there === undefined) return [{ words: `${place} is missing, not ${wanted}`, fits: false }];
  const { type, characters } = there;
  const needed = CHARACTERS[place] ?? 0;
  if (type === 'varchar' && characters !== null && characters < needed)
    return [{ words: `${place} holds ${characters} characters, not ${needed}`, fits: false }];
  if (type === wanted) return [];
  const fits = UNREAD.has(place) || (wanted === 'varchar' && type === 'text');
  return [{ words: `${place} is ${type}, not ${wanted}`, fits }];
}

const words = (differences: readonly Difference[]): string =>
  differences.map((difference) => difference.words).join('; ');
