/**
 * What the ledger keeps of webhooks. Without this: an event that is posted twice for being told twice, two nodes that post one delivery at
 * once, a node that wakes up and undoes what its successor did, or a database that fills up because an endpoint is away.
 */
import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createPool } from '../../src/infra/postgres/pool.ts';
import { addEndpoint, disableEndpoint, removeEndpoint } from '../../src/infra/postgres/webhook-ledger.ts';
import { PostgresWebhookStore } from '../../src/infra/postgres/webhook-store.ts';
import type { WrittenEvent } from '../../src/contracts/events.ts';
import type { FailureRuling, WebhookClaim } from '../../src/ports/webhooks.ts';
import { QuietLogger } from '../support/fakes/quiet.ts';
import { useDatabase } from '../support/use-database.ts';
import { cell } from './node-scene.ts';

const database = useDatabase();
const ORDER = { operator: 'test', why: 'test' };
const LEASE_MS = 60_000;
const BOUNDS = { backlogMax: 100, deliveredKeptMs: 60_000, failedKeptMs: 60_000, rowsMax: 3 };
let store: PostgresWebhookStore;

beforeEach(() => {
  const pool = { databaseUrl: database.url, applicationName: 'test', connectionsMax: 4 };
  store = new PostgresWebhookStore(createPool(pool, new QuietLogger()));
});

afterEach(() => store.close());

async function endpoint(types: readonly string[] | null = null): Promise<number> {
  const added = { url: 'https://example.com/', types, keyId: 'key', salt: Buffer.from('salt') };
  const id = await addEndpoint(database.pool, added, ORDER);
  if (id === null) throw new Error('too many');
  return id;
}

function events(count: number, type = 'balance.updated'): WrittenEvent[] {
  return Array.from({ length: count }, () => ({
    id: randomUUID(),
    type,
    json: '{"é":1}',
  }));
}

async function claimed(endpointId: number, slots: number): Promise<readonly WebhookClaim[]> {
  return store.claim([{ endpointId, slots }], LEASE_MS);
}

async function onlyClaim(endpointId: number): Promise<WebhookClaim> {
  const [claim] = await claimed(endpointId, 1);
  if (claim === undefined) throw new Error('nothing is due');
  return claim;
}

const count = (condition: string): Promise<number> =>
  cell(database.pool, `select count(*) from processor.webhook_deliveries where ${condition}`).then(Number);

const dueNow = (): Promise<unknown> =>
  database.pool.query('update processor.webhook_deliveries set due_at = clock_timestamp()');

const KEPT: FailureRuling = {
  health: { failuresInRow: 1, failingSinceMs: 0 },
  verdict: { kind: 'kept' },
  pauseMs: null,
  retryMs: 60_000,
};

function failed(claim: WebhookClaim, ruling: FailureRuling): Promise<FailureRuling | null> {
  const failure = {
    kind: 'failed',
    code: 'ENDPOINT_REFUSED',
    status: 500,
    detail: 'x',
    retryAfterMs: null,
  } as const;
  return store.failed({ claim, failure, judge: () => ruling });
}

it('an event told twice is one delivery per endpoint that wants it, with the bytes it had', async () => {
  const [all, some] = [await endpoint(), await endpoint(['transaction.approved'])];
  const told = [...events(2), ...events(1, 'transaction.approved')];
  expect(await store.record(told)).toBe(4);
  expect(await store.record([...told, ...events(1)])).toBe(1);
  expect(await count(`endpoint_id = ${all}`)).toBe(4);
  expect(await count(`endpoint_id = ${some}`)).toBe(1);
  expect((await onlyClaim(some)).body).toBe('{"é":1}');
});

it('a due delivery is claimed once, also by many at once, and again when its claim has run out', async () => {
  const id = await endpoint();
  await store.record(events(40));
  const portions = await Promise.all(Array.from({ length: 8 }, () => claimed(id, 7)));
  const ids = portions.flat().map((claim) => claim.id);
  expect(portions.every(({ length }) => length <= 7)).toBe(true);
  expect(new Set(ids).size).toBe(ids.length);
  const rest = await claimed(id, 100);
  expect(ids.length + rest.length).toBe(40);
  expect(await claimed(id, 100)).toEqual([]);
  await dueNow();
  expect((await onlyClaim(id)).attempt).toBe(2);
});

it('whoever lost a claim changes nothing any more', async () => {
  const id = await endpoint();
  await store.record(events(1));
  const late = await onlyClaim(id);
  await dueNow();
  const present = await onlyClaim(id);
  expect(await failed(late, { ...KEPT, retryMs: null })).toBeNull();
  await store.delivered(late, 200);
  await store.release(late);
  expect(await count(`state = 'pending' and attempts = 2 and due_at > clock_timestamp()`)).toBe(1);
  await store.delivered(present, 200);
  expect(await count(`state = 'delivered'`)).toBe(1);
  expect(await failed(present, KEPT)).toBeNull();
  expect(await count(`state = 'delivered'`)).toBe(1);
});

it('a paused endpoint gives nothing out; a success is the end of it', async () => {
  const id = await endpoint();
  await store.record(events(2));
  const [first, second] = await claimed(id, 2);
  if (first === undefined || second === undefined) throw new Error('nothing is due');
  await failed(first, { ...KEPT, verdict: { kind: 'paused', round: 1 }, pauseMs: 60_000, retryMs: 0 });
  expect(await claimed(id, 10)).toEqual([]);
  expect(await store.endpoints()).toMatchObject([{ paused: true, failuresInRow: 1 }]);
  await store.delivered(second, 200);
  expect(await store.endpoints()).toMatchObject([{ paused: false, failuresInRow: 0 }]);
  expect(await claimed(id, 10)).toHaveLength(1);
});

it('an endpoint that an operator has disabled keeps its reason, whatever is still under way', async () => {
  const id = await endpoint();
  await store.record(events(1));
  const claim = await onlyClaim(id);
  await disableEndpoint(database.pool, id, ORDER);
  await failed(claim, { ...KEPT, verdict: { kind: 'disabled', because: 'failures' } });
  const reason = 'select disabled_because from processor.webhook_endpoints';
  expect(await cell(database.pool, reason)).toBe('operator');
  await store.record(events(1));
  expect(await count(`state = 'pending'`)).toBe(2);
  await dueNow();
  expect(await claimed(id, 10)).toEqual([]);
});

it('what waits for one endpoint is bounded: nothing more is kept until there is room', async () => {
  const [full, other] = [await endpoint(), await endpoint(['transaction.approved'])];
  await store.record(events(100));
  expect(await store.tidy(BOUNDS)).toMatchObject({ full: [full], room: [] });
  expect(await store.record(events(1, 'transaction.approved'))).toBe(1);
  expect(await count(`endpoint_id = ${other}`)).toBe(1);
  for (const claim of await claimed(full, 10)) await store.delivered(claim, 200);
  expect(await store.tidy(BOUNDS)).toMatchObject({ full: [], room: [] });
  await store.delivered(await onlyClaim(full), 200);
  expect(await store.tidy(BOUNDS)).toMatchObject({ full: [], room: [full] });
  expect(await store.record(events(1))).toBe(1);
});

it('what ended long ago is removed, in portions, with what a removed endpoint left; what waits stays', async () => {
  const [id, gone] = [await endpoint(), await endpoint()];
  await store.record(events(5));
  for (const claim of await claimed(id, 4)) await store.delivered(claim, 200);
  await removeEndpoint(database.pool, gone, ORDER);
  expect(await count('true')).toBe(5);
  expect(await store.tidy(BOUNDS)).toMatchObject({ removed: 0, more: false });
  await database.pool.query(
    `update processor.webhook_deliveries set ended_at = ended_at - interval '2 minutes', created_at = created_at - interval '1 day'`,
  );
  expect(await store.tidy(BOUNDS)).toMatchObject({ removed: 3, more: true });
  expect(await store.tidy(BOUNDS)).toMatchObject({ removed: 1, more: false });
  expect(await count(`state = 'pending'`)).toBe(1);
  expect(await count('true')).toBe(1);
});
