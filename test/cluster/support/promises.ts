import assert from 'node:assert/strict';
import { DEAD_LETTER_QUEUES, INBOUND_QUEUES } from '../../../src/contracts/queues.ts';
import { auditLedger } from '../../../src/infra/postgres/audit.ts';
import { queueStatus } from '../../../src/infra/rabbitmq/queue-status.ts';
import { withCacheReader } from '../../../src/infra/redis/cache-reader.ts';
import { eventually } from '../../support/eventually.ts';
import type { ClusterScene } from './cluster-scene.ts';
import type { Sent } from './producer.ts';

export interface PromiseOptions {
  /** `partial`: Redis lost its data; balances that nobody asked for since are not in it, but none may be wrong. */
  readonly cache?: 'complete' | 'partial';
  readonly timeoutMs?: number;
}

/** What `expectPromisesKept` saw, for further tests. */
export interface Kept {
  readonly decisions: number;
  /** Transactions that came back by the retry road, so that order is not promised for them. */
  readonly waited: number;
  /** Accounts on which every single outcome could be foreseen. */
  readonly foreseenAccounts: number;
}

export interface Checked extends Kept {
  /** In words; empty: everything that was promised was kept. */
  readonly broken: readonly string[];
}

interface Decision {
  readonly transaction_id: string;
  readonly account_id: string;
  readonly outcome: 'APPROVED' | 'REJECTED';
  readonly reason: string | null;
  readonly road: string;
}

const NAMED_MAX = 5;
const QUIET_WITHIN_MS = 120_000;

const MEANT_TO_BE_REJECTED = new Set([
  'insufficient-funds',
  'foreign-card',
  'unknown-card',
  'over-refund',
] satisfies readonly Sent['intent'][] as readonly string[]);

const LEFT = `
  select (select count(*) from processor.journal where type <> 'OPENING')::int as decided,
         (select count(*) from public.transactions where status = 'PENDING')::int as pending,
         (select count(*) from processor.retries)::int as retries,
         (select count(*) from processor.parked)::int as parked,
         (select count(*) from processor.outbox)::int as outbox`;

const DECISIONS = `
  select transaction_id, account_id, outcome, reason, road
    from processor.journal where type <> 'OPENING' order by account_id, seq`;

const WHERE_IT_IS = `
  select t.id || ' ' || t.status || ' since ' || t.created_at
         || coalesce(', waits to be tried again: ' || r.code, '')
         || coalesce(', dead letter: ' || d.code || ' ' || d.detail, '')
         || case when exists (select from processor.parked p where p.account_id = t.account_id)
                 then ', its account has parked commands' else '' end as words
    from public.transactions t
    left join processor.retries r on r.transaction_id = t.id
    left join processor.dead_letters d on d.transaction_id = t.id and d.state = 'open'
   where t.id = any ($1::uuid[])`;

/**
 * Waits until nothing is left to do, then checks the promises over everything that this scene's producer ever sent: each
 * transaction decided exactly once, in the order of publication and as that order demands, balances explained, nothing
 * left over anywhere, Redis equal to PostgreSQL. Fails with the ids of what is wrong.
 */
export async function expectPromisesKept(scene: ClusterScene, options: PromiseOptions = {}): Promise<Kept> {
  const { broken, ...kept } = await checkPromises(scene, options);
  if (broken.length > 0) throw new Error(`promises broken:\n${broken.join('\n')}`);
  return kept;
}

/** The same, telling what is wrong instead of failing. */
export async function checkPromises(scene: ClusterScene, options: PromiseOptions = {}): Promise<Checked> {
  const restless = await untilQuiet(scene, options.timeoutMs ?? QUIET_WITHIN_MS);
  const { sent, unforeseen } = scene.producer;
  const { rows: decisions } = await scene.pool.query<Decision>(DECISIONS);
  const excluded = new Set([...unforeseen, ...accountsThatWaited(decisions)]);
  const broken = [
    ...restless,
    ...(await differencesOfSets(scene, sent, decisions)),
    ...disorder(sent, decisions),
    ...wrongOutcomes(sent, decisions, excluded),
    ...(await unfoundedRefusals(scene)),
    ...(await deadLetters(scene)),
    ...(await auditFindings(scene, options.cache ?? 'complete')),
  ];
  return {
    broken,
    decisions: decisions.length,
    waited: decisions.filter(({ road }) => road !== 'delivery').length,
    foreseenAccounts: new Set(sent.map(({ accountId }) => accountId).filter((id) => !excluded.has(id))).size,
  };
}

/** Empty once nothing is left; else, after the deadline, what is. */
async function untilQuiet(scene: ClusterScene, timeoutMs: number): Promise<readonly string[]> {
  const nothing = { decided: scene.producer.sent.length, pending: 0, retries: 0, parked: 0, outbox: 0 };
  try {
    await eventually(
      async () => {
        const { rows } = await scene.pool.query<typeof nothing>(LEFT);
        assert.deepEqual(rows[0], nothing, JSON.stringify({ found: rows[0], wanted: nothing }));
        const queues = await queueStatus(scene.rabbitmqUrl, INBOUND_QUEUES);
        for (const [queue, status] of queues)
          assert.equal(status?.messages ?? 0, 0, `${status?.messages ?? 0} messages in ${queue}`);
        // What the queues have given out and nobody has acknowledged.
        for (const [nodeId, node] of scene.nodes) {
          const inFlight = await node.metric('paygate_in_flight');
          assert.equal(inFlight, 0, `${inFlight} in flight on ${nodeId}`);
        }
      },
      { timeoutMs, pollMs: 200 },
    );
    return [];
  } catch (error) {
    return [
      `not quiet after ${timeoutMs / 1000} s: ${error instanceof Error ? error.message : String(error)}`,
    ];
  }
}

/** The first few in words, and how many there are. */
function named(what: string, all: readonly string[]): readonly string[] {
  if (all.length === 0) return [];
  return [`${all.length} ${what}: ${all.slice(0, NAMED_MAX).join('; ')}`];
}

/** Promises 1 and 2: what was sent is what was decided, each once. */
async function differencesOfSets(
  scene: ClusterScene,
  sent: readonly Sent[],
  decisions: readonly Decision[],
): Promise<readonly string[]> {
  const decided = new Set(decisions.map((decision) => decision.transaction_id));
  const published = new Set(sent.map(({ transactionId }) => transactionId));
  const missing = [...published].filter((id) => !decided.has(id));
  const foreign = [...decided].filter((id) => !published.has(id));
  const { rows } = await scene.pool.query<{ words: string }>(WHERE_IT_IS, [missing]);
  const words = rows.map((row) => row.words);
  return [
    ...named('not decided', [
      ...words,
      ...missing.filter((id) => !words.some((line) => line.startsWith(id))),
    ]),
    ...named('decided but never sent', foreign),
    ...named('decided twice', decided.size < decisions.length ? ['see the journal'] : []),
  ];
}

function grouped<T>(items: readonly T[], groupOf: (item: T) => string): ReadonlyMap<string, readonly T[]> {
  const found = new Map<string, T[]>();
  for (const item of items) {
    const group = groupOf(item);
    const list = found.get(group);
    if (list === undefined) found.set(group, [item]);
    else list.push(item);
  }
  return found;
}

function accountsThatWaited(decisions: readonly Decision[]): readonly string[] {
  return decisions.filter(({ road }) => road !== 'delivery').map((row) => row.account_id);
}

/** Promise 4: what was decided as its queue delivered it was decided in the order of publication. */
function disorder(sent: readonly Sent[], decisions: readonly Decision[]): readonly string[] {
  const place = new Map(sent.map(({ transactionId }, index) => [transactionId, index]));
  const lineOf = ({ transaction_id: id, account_id: account }: Decision): string =>
    `${account} in ${sent[place.get(id) ?? -1]?.queue ?? 'no queue'}`;
  const findings: string[] = [];
  const delivered = decisions.filter(({ road }) => road === 'delivery');
  for (const [line, list] of grouped(delivered, lineOf)) {
    let latest: { readonly id: string; readonly place: number } | null = null;
    for (const { transaction_id: id } of list) {
      const here = place.get(id) ?? -1;
      if (latest !== null && here < latest.place)
        findings.push(
          `account ${line}: ${id} (sent as ${here}.) was decided after ${latest.id} (${latest.place}.)`,
        );
      else latest = { id, place: here };
    }
  }
  return named('decided out of order', findings);
}

/** In order every transaction ends as it was meant to, on every account where nothing had to wait. */
function wrongOutcomes(
  sent: readonly Sent[],
  decisions: readonly Decision[],
  excluded: ReadonlySet<string>,
): readonly string[] {
  const intents = new Map(sent.map(({ transactionId, intent }) => [transactionId, intent]));
  const wrong = decisions.filter(({ transaction_id: id, account_id: account, outcome }) => {
    const expected = MEANT_TO_BE_REJECTED.has(intents.get(id) ?? '') ? 'REJECTED' : 'APPROVED';
    return !excluded.has(account) && outcome !== expected;
  });
  return named(
    'decided otherwise than order demands',
    wrong.map((row) => {
      const intent = intents.get(row.transaction_id) ?? 'nothing';
      return `${row.transaction_id} of account ${row.account_id}, sent as ${intent}: ${row.outcome} ${row.reason ?? ''}`;
    }),
  );
}

/** On any account, in whatever order it came: what was refused for want of money found too little. */
async function unfoundedRefusals(scene: ClusterScene): Promise<readonly string[]> {
  const { rows } = await scene.pool.query<{ words: string }>(
    `select concat_ws(' ', transaction_id, 'of account', account_id, 'asked for', requested_cents, 'of', balance_after_cents) as words
       from processor.journal where reason = 'INSUFFICIENT_FUNDS' and requested_cents <= balance_after_cents`,
  );
  return named(
    'refused though the balance was enough',
    rows.map(({ words }) => words),
  );
}

/** Promise 1 for what cannot be decided: it is a dead letter, in the ledger and in its queue, and nothing else is. */
async function deadLetters(scene: ClusterScene): Promise<readonly string[]> {
  const { poison } = scene.producer;
  const { rows } = await scene.pool.query<{ body: Buffer; words: string }>(
    `select body, concat_ws(' ', transaction_id, code, detail) as words from processor.dead_letters where state = 'open'`,
  );
  const bodies = rows.map(({ body }) => body.toString());
  const recorded = new Set(bodies);
  const unexpected = rows.filter((_, index) => !poison.has(bodies[index] ?? ''));
  const queues = await queueStatus(scene.rabbitmqUrl, DEAD_LETTER_QUEUES);
  const queued = [...queues.values()].reduce((sum, status) => sum + (status?.messages ?? 0), 0);
  const isTold = poison.size === 0 ? queued === 0 : queued >= recorded.size;
  return [
    ...named(
      'open dead letters',
      unexpected.map(({ words }) => words),
    ),
    ...named(
      'undecidable messages without a dead letter',
      [...poison].filter((body) => !recorded.has(body)),
    ),
    ...(isTold ? [] : [`${queued} messages in the dead-letter queues, ${recorded.size} in the ledger`]),
  ];
}

/** Promise 5 and the rest: seq, balances, epochs, rows, refunds, cards, cache. */
async function auditFindings(scene: ClusterScene, cache: 'complete' | 'partial'): Promise<readonly string[]> {
  const { violations } = await withCacheReader(scene.redisUrl, (readCached) =>
    auditLedger({
      pool: scene.pool,
      readCached,
      expectCached: cache === 'complete',
      expectDrained: true,
      sampleMax: NAMED_MAX,
    }),
  );
  return violations.flatMap(({ kind, count, samples }) => [
    `audit: ${count} × ${kind}`,
    ...samples.map(
      ({ accountId, transactionId, detail }) =>
        `  account ${accountId ?? '-'} transaction ${transactionId ?? '-'}: ${detail}`,
    ),
  ]);
}
