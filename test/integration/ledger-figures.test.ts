/** Without this: metrics and alerts about what waits in the ledger that are wrong, or end with an error nobody sees. */
import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { noteAudit, readLedgerFigures } from '../../src/infra/postgres/ledger-figures.ts';
import { withDatabase } from '../support/services.ts';
import type { TestDatabase } from '../support/services.ts';

let database: TestDatabase;
beforeEach(async () => {
  database = await withDatabase();
});
afterEach(() => database.drop());

it('an empty ledger has nothing that waits, and no audit', async () => {
  expect(await readLedgerFigures(database.pool)).toEqual({
    retries: 0,
    retryLateSeconds: 0,
    outboxRows: 0,
    outboxAgeSeconds: 0,
    deadLettersOpen: 0,
    parked: 0,
    parkedAgeSeconds: 0,
    webhooksWaiting: 0,
    webhookLateSeconds: 0,
    webhooksDisabled: 0,
    lastAudit: null,
  });
});

it('counts what waits and tells how old the oldest is; the last audit is the one that counts', async () => {
  const id = randomUUID();
  await database.pool.query(`
    insert into processor.retries values
      ('${id}', '${id}', 0, 1, 'ROW_MISSING', 'transactions_queue', '', now() - interval '90 s', now()),
      ('${randomUUID()}', '${id}', 0, 1, 'ROW_MISSING', 'transactions_queue', '', now() + interval '90 s', now());
    insert into processor.parked (account_id, queue, body, reason, since)
      values ('${id}', 'transactions_queue', '', 'x', now() - interval '30 s');
    insert into processor.outbox (incarnation, created_at, account_ids, card_ids, from_seqs, to_seqs)
      values ('${id}', now() - interval '10 s', '{}', '{}', '{}', '{}');
    insert into processor.dead_letters
      (queue, dead_letter_queue, code, detail, body, body_bytes, body_sha256, attempts, first_seen_at, state)
      select 'transactions_queue', 'system_dlq', 'X', 'x', '', 0, '', 1, now(), state
        from unnest(array['open', 'open', 'discarded']) state`);
  await noteAudit(database.pool, { operator: 'ann', ok: false, why: 'balance-step × 1' });
  const found = await readLedgerFigures(database.pool);
  expect(found).toMatchObject({ retries: 2, outboxRows: 1, deadLettersOpen: 2, parked: 1 });
  expect(found.lastAudit?.result).toBe('failed');
  expect(found.lastAudit?.ageSeconds).toBeGreaterThanOrEqual(0);
  expect(found.retryLateSeconds).toBeGreaterThanOrEqual(90);
  expect(found.parkedAgeSeconds).toBeGreaterThanOrEqual(30);
  expect(found.outboxAgeSeconds).toBeGreaterThanOrEqual(10);
  await noteAudit(database.pool, { operator: 'ann', ok: true, why: 'no violation' });
  expect((await readLedgerFigures(database.pool)).lastAudit?.result).toBe('passed');
});
