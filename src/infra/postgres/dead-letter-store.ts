import { createHash } from 'node:crypto';
import type pg from 'pg';
import { failureAnnounced } from '../../domain/announcement.ts';
import type { Announcement } from '../../domain/announcement.ts';
import { LIMITS } from '../../limits.ts';
import type { DeadLetter, DeadLetterStore } from '../../ports/stores.ts';
import { Announcements } from './announcements.ts';
import { isInHands } from './letter-lock.ts';
import { poolTransaction } from './pool-transaction.ts';
import { storableText } from './storable-text.ts';

/**
 * Dead letters in `processor.dead_letters`.
 *
 * D1. A body is kept whole up to 1 MiB; of a longer one the first 64 KiB, with its length and digest.
 * D2. A redelivered message whose body waits here from the same queue, still open, keeps its id: the process died
 *     between recording and acknowledging. Not that of a letter in an operator's hands, which is about to be closed as sent.
 * D3. Where the letter says so, the `transactions` row goes from `PENDING` to `ERROR` in the same commit. A row that somebody
 *     else holds is not waited for: its letter is left out, and the others are recorded.
 * D4. The event of a transaction that failed is written in the commit that records its letter, once.
 */
export class PostgresDeadLetterStore implements DeadLetterStore {
  readonly #pool: pg.Pool;

  readonly #announcements: Announcements;

  /** Without `announcements` nobody is told. */
  constructor(pool: pg.Pool, announcements = Announcements.silent(pool)) {
    this.#pool = pool;
    this.#announcements = announcements;
  }

  async record(letters: readonly DeadLetter[]): Promise<readonly (bigint | null)[]> {
    if (letters.length === 0) return [];
    const { recorded, outboxId } = await poolTransaction(this.#pool, async (client) => {
      const records: Recorded[] = [];
      for (const batch of batches(letters)) records.push(...(await recordBatch(client, batch)));
      const failures = letters.flatMap((letter, index) => failuresOf(letter, records[index]));
      return { recorded: records, outboxId: await this.#announcements.write(client, failures) };
    });
    this.#announcements.committed(outboxId);
    return recorded.map(({ id }) => (id === null ? null : BigInt(id)));
  }
}

/** Both null: its row is in somebody else's hands. */
interface Recorded {
  readonly id: string | null;
  readonly is_new: boolean | null;
}

/** Not of a false message under a true transaction's id, which goes on, nor of a letter that is recorded already. */
function failuresOf(letter: DeadLetter, recorded: Recorded | undefined): readonly Announcement[] {
  const { transactionId, accountId, code } = letter;
  if (transactionId === null || accountId === null || code === 'PAYLOAD_MISMATCH') return [];
  if (recorded?.is_new !== true) return [];
  return [failureAnnounced(letter, { transactionId, accountId, deadLetterId: Number(recorded.id) })];
}

/**
 * Ids are drawn first, so that each can be told to its letter; n is the letter's place in the batch. A row that was `PENDING` when we
 * looked and cannot be locked is somebody else's, or just decided: the next try will see.
 */
const RECORD = `
with given as materialized (
  select * from unnest(
    $1::text[], $2::text[], $3::text[], $4::text[], $5::uuid[], $6::uuid[], $7::bytea[], $8::bigint[], $9::bytea[],
    $10::int[], $11::timestamptz[], $12::boolean[], $13::boolean[]
  ) with ordinality as g (
    queue, dead_letter_queue, code, detail, transaction_id, account_id, body, body_bytes, body_sha256,
    attempts, first_seen_at, redelivered, marks_error, n
  )
), held as materialized (
  select t.id from public.transactions t
   where t.status = 'PENDING' and t.id in (select transaction_id from given where marks_error)
     for no key update skip locked
), busy as materialized (
  select g.n
    from given g
    join public.transactions t on t.id = g.transaction_id and t.status = 'PENDING'
   where g.marks_error and t.id not in (select id from held)
), recorded as (
  select g.n, min(d.id) as id
    from given g
    join processor.dead_letters d on d.body_sha256 = g.body_sha256 and d.queue = g.queue and d.state = 'open'
   where g.redelivered and not ${isInHands('d.id')}
   group by g.n
), numbered as materialized (
  select g.*, coalesce(r.id, nextval(pg_get_serial_sequence('processor.dead_letters', 'id'))) as id, r.id is null as is_new
    from given g left join recorded r using (n)
   where g.n not in (select n from busy)
), inserted as (
  insert into processor.dead_letters
    (id, queue, dead_letter_queue, code, detail, transaction_id, account_id, body, body_bytes, body_sha256, attempts, first_seen_at)
  overriding system value
  select id, queue, dead_letter_queue, code, detail, transaction_id, account_id, body, body_bytes, body_sha256, attempts, first_seen_at
    from numbered where is_new
), marked as (
  update public.transactions t set status = 'ERROR' where t.id in (select id from held)
)
select r.id, r.is_new from given g left join numbered r using (n) order by g.n`;

async function recordBatch(
  client: pg.PoolClient,
  letters: readonly DeadLetter[],
): Promise<readonly Recorded[]> {
  const { rows } = await client.query<Recorded>(RECORD, [
    letters.map((letter) => letter.queue),
    letters.map((letter) => letter.deadLetterQueue),
    letters.map((letter) => letter.code),
    letters.map((letter) => storableText(letter.detail)),
    letters.map((letter) => letter.transactionId),
    letters.map((letter) => letter.accountId),
    letters.map((letter) => keptBody(letter.body)),
    letters.map((letter) => letter.body.length),
    letters.map((letter) => createHash('sha256').update(letter.body).digest()),
    letters.map((letter) => letter.attempts),
    letters.map((letter) => letter.firstSeenAt),
    letters.map((letter) => letter.redelivered),
    letters.map((letter) => letter.marksError),
  ]);
  return rows;
}

function keptBody(body: Buffer): Buffer {
  return body.length <= LIMITS.bodyBytesMax ? body : body.subarray(0, LIMITS.deadBodyCutBytes);
}

function* batches(letters: readonly DeadLetter[]): Generator<readonly DeadLetter[]> {
  let batch: DeadLetter[] = [];
  let bytes = 0;
  for (const letter of letters) {
    const size = keptBody(letter.body).length;
    if (
      batch.length > 0 &&
      (batch.length >= LIMITS.storeBatchMax || bytes + size > LIMITS.deadBodyBatchBytesMax)
    ) {
      yield batch;
      batch = [];
      bytes = 0;
    }
    batch.push(letter);
    bytes += size;
  }
  if (batch.length > 0) yield batch;
}
