import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type pg from 'pg';
import { isAccount, journalPages, type Period } from '../../infra/postgres/account-history.ts';
import type { JournalEntry } from '../../infra/postgres/journal-entry.ts';
import { CommandError, EXIT } from '../exit-codes.ts';
import { jsonText, print } from '../output.ts';
import { csvRowOf, csvStream } from './journal-csv.ts';
import { journalTable } from './journal-table.ts';

export type JournalForm = 'table' | 'json' | 'csv';

/**
 * Writes the journal of an account to standard output, page by page: memory does not grow with it. Oldest row first. A reader that goes
 * away (`| head`) ends it quietly.
 */
export async function showJournal(
  pool: pg.Pool,
  accountId: string,
  period: Period,
  form: JournalForm,
): Promise<void> {
  if (!(await isAccount(pool, accountId)))
    throw new CommandError(`there is no account ${accountId}`, EXIT.finding);
  const pages = journalPages(pool, accountId, period);
  if (form === 'table') await printTables(pages);
  else await pour(pages, form);
}

async function printTables(pages: AsyncIterable<readonly JournalEntry[]>): Promise<void> {
  let isEmpty = true;
  for await (const page of pages) {
    isEmpty = false;
    print(journalTable(page));
  }
  if (isEmpty) print('no journal rows');
}

async function pour(pages: AsyncIterable<readonly JournalEntry[]>, form: 'json' | 'csv'): Promise<void> {
  const rows = Readable.from(rowsOf(pages, form), { objectMode: true });
  const text = form === 'csv' ? csvStream() : jsonArray();
  try {
    await pipeline(rows, text, process.stdout, { end: false });
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EPIPE')) throw error;
  }
}

async function* rowsOf(
  pages: AsyncIterable<readonly JournalEntry[]>,
  form: 'json' | 'csv',
): AsyncGenerator<object> {
  for await (const page of pages) yield* form === 'csv' ? page.map(csvRowOf) : page;
}

/** One array, one entry a line. */
function jsonArray(): Transform {
  let begun = false;
  return new Transform({
    writableObjectMode: true,
    transform(entry: JournalEntry, _encoding, done) {
      done(null, `${begun ? ',' : '['}\n${jsonText(entry, 0)}`);
      begun = true;
    },
    flush(done) {
      done(null, begun ? '\n]\n' : '[]\n');
    },
  });
}
