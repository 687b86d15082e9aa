/**
 * Without it `npm start` might not say where its console is, not end, or end well with a wrong ledger; and nobody would see that nodes which are killed while
 * they work lose or repeat something.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { WireMessage, WireSnapshot } from '../../src/contracts/inspection.ts';
import { readEventStream } from '../../src/infra/inspection/read-event-stream.ts';
import { paygate, startPaygate } from '../support/paygate.ts';
import { freshRedis, freshVhost, withDatabase } from '../support/services.ts';

const drops: (() => Promise<void>)[] = [];

async function emptyServers(): Promise<Record<string, string>> {
  const [database, vhost, redis] = await Promise.all([
    withDatabase({ migrated: false }),
    freshVhost(),
    freshRedis(),
  ]);
  drops.push(
    () => database.drop(),
    () => vhost.drop(),
    () => redis.drop(),
  );
  return {
    PAYGATE_DEMO_DATABASE_URL: database.url,
    PAYGATE_DEMO_RABBITMQ_URL: vhost.url,
    PAYGATE_DEMO_REDIS_URL: redis.url,
    // Must not be looked at: nothing answers there.
    DATABASE_URL: 'postgres://postgres@127.0.0.1:1/none',
    RABBITMQ_URL: 'amqp://127.0.0.1:1',
    REDIS_URL: 'redis://127.0.0.1:1',
  };
}

afterAll(async () => {
  for (const drop of drops) await drop();
});

describe('paygate demo', () => {
  let env: Record<string, string>;

  beforeAll(async () => {
    env = await emptyServers();
  });

  it('processes as many as it is told on three nodes, audits, and ends with 0', async () => {
    const demo = await paygate(['demo', '--transactions', '1000', '--accounts', '50'], env);
    expect(demo.all).toContain('starting 3 nodes');
    expect(demo.all).toMatch(/retries [\d,]+ {2}dead letters [\d,]+ {2}flags [\d,]+/);
    expect(demo.all).toContain('The ledger is right');
    expect(demo.all).toContain('Every transaction was decided exactly once.');
    expect(demo.all).toMatch(/decisions +1,000:/);
    expect(demo.exitCode).toBe(0);
  }, 120_000);

  it('refuses servers that are not empty', async () => {
    const again = await paygate(['demo', '--transactions', '10'], env);
    expect(again.exitCode).toBe(3);
    expect(again.stderr).toContain('PAYGATE_DEMO_DATABASE_URL');
  });
});

describe('while it runs', () => {
  it('it says where its console is, and with INSPECT=1 shows accounts in the XState inspector, wherever they are', async () => {
    const options = ['--rate', '60', '--accounts', '5'];
    const demo = startPaygate(['demo', ...options], { ...(await emptyServers()), INSPECT: '1' });
    const console = await demo.line(/^console\s+(http:\S+)$/);
    expect((await fetch(console)).status).toBe(200);
    const inspector = await demo.line(/XState inspector, with 3 accounts: (http:\S+)\/$/);
    // Open to the end, and never read: it ends whoever looks.
    const onlooker = await fetch(`${inspector}/events`);
    const { charts, balances } = await seenOf(inspector);
    expect(charts.size).toBe(3);
    // Text, since a number may not hold it.
    for (const balance of balances) expect(balance ?? '0').toMatch(/^-?\d+$/);
    demo.interrupt();
    const { exitCode, all } = await demo.ended;
    expect(onlooker.ok).toBe(true);
    expect(all).toContain('Every transaction was decided exactly once.');
    expect(exitCode).toBe(0);
  }, 180_000);
});

/** What the page of the inspector is told, until there is something of all accounts. */
async function seenOf(inspector: string) {
  const charts = new Set<string>();
  const balances = new Set<unknown>();
  const { body } = await fetch(`${inspector}/events`, { signal: AbortSignal.timeout(60_000) });
  for await (const { data } of readEventStream(body!)) {
    const message = JSON.parse(data) as WireMessage | string;
    if (typeof message === 'string') continue;
    if (message.type === '@xstate.actor') charts.add(message.name);
    if (message.type === '@xstate.snapshot') balances.add(balanceIn(message));
    if (charts.size === 3 && balances.size > 3) break;
  }
  return { charts, balances };
}

function balanceIn({ snapshot }: WireSnapshot): unknown {
  const context = snapshot.context as
    { readonly state: { readonly balanceCents: unknown } | null } | undefined;
  return context?.state?.balanceCents;
}

describe('paygate demo --chaos', () => {
  it('kills nodes and starts them again: every transaction is decided once all the same', async () => {
    const options = ['--transactions', '1500', '--rate', '150', '--accounts', '50', '--chaos', '2'];
    const demo = await paygate(['demo', ...options], await emptyServers());
    expect(demo.all).toMatch(/demo-\d was killed/);
    expect(demo.all).toMatch(/demo-\d is back/);
    expect(demo.all).toMatch(/chaos +[1-9]\d* kills/);
    expect(demo.all).toContain('The ledger is right');
    expect(demo.all).toContain('Every transaction was decided exactly once.');
    expect(demo.all).toMatch(/decisions +1,500:/);
    expect(demo.exitCode).toBe(0);
  }, 180_000);
});
