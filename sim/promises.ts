import { decodeMessage } from '../src/contracts/decode.ts';
import type { QueuedMessage, SimBroker } from './servers/sim-broker.ts';
import type { SimRedis } from './servers/sim-redis.ts';
import type { SimTables } from './servers/sim-tables.ts';
import type { Plan } from './plan.ts';
import type { OperatorResult } from '../src/domain/settlement.ts';
import { CONFIG } from './sim-config.ts';
import { wrongBalances } from './wrong-balances.ts';
import type { Violation } from './violation.ts';
import { short } from './words.ts';

/** What is to be looked at when everything is at rest. */
export interface Scene {
  readonly plan: Plan;
  readonly tables: SimTables;
  readonly broker: SimBroker;
  readonly redis: SimRedis;
  /** How operators' orders were answered. */
  readonly orderResults: ReadonlyMap<string, OperatorResult>;
  /** Accounts whose actors were made to throw. */
  readonly thrownAt: ReadonlySet<string>;
}

/** At the moment of an acknowledgement: is what became of the message in the ledger? */
export function hasOutcome(tables: SimTables, { queue, body }: QueuedMessage): boolean {
  const decoded = decodeMessage(queue, body);
  if (tables.letters.some((letter) => letter.body.equals(body))) return true;
  if (!decoded.ok) return false;
  const { command } = decoded;
  if (command.kind !== 'transaction') return true;
  const { transactionId, idempotencyKey } = command;
  if (tables.decided.has(transactionId) || tables.retries.has(transactionId)) return true;
  if (tables.rows.get(transactionId)?.status === 'ERROR') return true;
  if (tables.parked.some((parked) => parked.body.equals(body))) return true;
  const first = tables.keys.get(idempotencyKey);
  return first !== undefined && first !== transactionId;
}

export function brokenPromises(scene: Scene): readonly Violation[] {
  return [
    ...lost(scene),
    ...appliedTwice(scene.tables),
    ...outOfOrder(scene),
    ...wrongBalances(scene.tables),
    ...staleCache(scene),
    ...wrongOrders(scene),
    ...givenUpEarly(scene.tables),
  ];
}

function* lost({ plan, tables, broker, thrownAt }: Scene): Generator<Violation> {
  const gone = new Set(broker.lost.map(({ body }) => body.toString()));
  for (const step of plan.steps) {
    if (step.kind !== 'publish') continue;
    const hasLetter = tables.letters.some(({ body }) => body.equals(step.body));
    const isGone = gone.has(step.body.toString());
    if (step.expected === 'letter' && !hasLetter && !isGone)
      yield { promise: 1, detail: `${step.what} left no dead letter` };
    if (step.expected !== 'decision' || step.transactionId === null || tables.decided.has(step.transactionId))
      continue;
    // The target of a refund is known by its message alone: without it the row gets a letter.
    const mayHaveLetter = step.row?.type === 'REFUND' && (isGone || !step.isSent);
    const rowLetter = tables.letters.some(({ transactionId }) => transactionId === step.transactionId);
    if (mayHaveLetter && rowLetter) continue;
    const mayBeGivenUp = step.row === null || thrownAt.has(step.row.accountId);
    if (mayBeGivenUp && hasCrashLetter(tables, step.transactionId)) continue;
    if (step.row === null && (isGone || isRepeat(tables, step))) continue;
    const codes = tables.letters
      .filter(({ transactionId }) => transactionId === step.transactionId)
      .map(({ code }) => code);
    const known = [tables.rows.get(step.transactionId)?.status ?? 'no row', ...codes].join(', ');
    yield { promise: 1, detail: `${step.what} ${short(step.transactionId)} was never decided (${known})` };
  }
}

/** Given up, because the account's actor threw over it again and again. */
function hasCrashLetter(tables: SimTables, transactionId: string): boolean {
  return tables.letters.some(
    (letter) => letter.code === 'ACTOR_CRASHED' && letter.transactionId === transactionId,
  );
}

/** A dead letter for something that may pass comes when all tries are spent, not before. */
function* givenUpEarly({ letters, tries }: SimTables): Generator<Violation> {
  for (const { code, transactionId } of letters) {
    if (transactionId === null || (code !== 'ROW_MISSING' && code !== 'ROW_LOCKED')) continue;
    const count = tries.get(transactionId) ?? 0;
    if (count < CONFIG.retryAttempts)
      yield { promise: 1, detail: `${short(transactionId)} was given up after ${count} tries` };
  }
}

/** What an operator was told is what the ledger has. */
function* wrongOrders({ plan, tables, orderResults }: Scene): Generator<Violation> {
  for (const step of plan.steps) {
    if (step.kind !== 'order') continue;
    const result = orderResults.get(step.orderId);
    const row = tables.orders.get(step.orderId);
    const what = `the order ${step.action.kind} ${short(step.orderId)}`;
    if (result === undefined) yield { promise: 6, detail: `${what} was never answered` };
    else if ((result.kind === 'done') !== (row !== undefined))
      yield { promise: 1, detail: `${what} was answered ${result.kind}, the ledger says otherwise` };
    else if (result.kind === 'done' && row !== undefined && result.seq !== row.seq)
      yield { promise: 2, detail: `${what} was answered with another outcome than its first` };
  }
}

/** Its key was decided under another id meanwhile, so that this one was a repeat when its turn came. */
function isRepeat(tables: SimTables, { queue, body }: Pick<QueuedMessage, 'queue' | 'body'>): boolean {
  const decoded = decodeMessage(queue, body);
  if (!decoded.ok || decoded.command.kind !== 'transaction') return false;
  const { transactionId, idempotencyKey } = decoded.command;
  const first = tables.keys.get(idempotencyKey);
  return first !== undefined && first !== transactionId && tables.decided.has(first);
}

function* appliedTwice(tables: SimTables): Generator<Violation> {
  const ids = new Set<string>();
  const keys = new Set<string>();
  for (const { decision } of tables.journal) {
    const { transactionId, idempotencyKey } = decision.command;
    if (ids.has(transactionId)) yield { promise: 2, detail: `${short(transactionId)} was decided twice` };
    if (keys.has(idempotencyKey)) yield { promise: 2, detail: `key ${idempotencyKey} was decided twice` };
    ids.add(transactionId);
    keys.add(idempotencyKey);
  }
}

/** Of what came by the queue and never had to wait: decided as the queue had it. */
function* outOfOrder({ tables, broker }: Scene): Generator<Violation> {
  const gone = new Set(broker.lost.map(({ body }) => body.toString()));
  const places = new Map<string, number>();
  for (const { queue, body, position } of broker.published) {
    const decoded = decodeMessage(queue, body);
    if (!decoded.ok || decoded.command.kind !== 'transaction' || gone.has(body.toString())) continue;
    const { transactionId } = decoded.command;
    if (!places.has(transactionId)) places.set(transactionId, position);
  }
  const lostIds = new Set(
    broker.lost.flatMap(({ queue, body }) => {
      const decoded = decodeMessage(queue, body);
      return decoded.ok && decoded.command.kind === 'transaction' ? [decoded.command.transactionId] : [];
    }),
  );
  for (const rows of tables.journals.values()) {
    let last: { readonly place: number; readonly id: string } | null = null;
    for (const { decision } of rows) {
      const { transactionId: id } = decision.command;
      const place = places.get(id);
      const waited = decision.road !== 'delivery' || tables.everWaited.has(id) || lostIds.has(id);
      if (place === undefined || waited) continue;
      if (last !== null && place < last.place)
        yield { promise: 4, detail: `${short(id)} was decided after ${short(last.id)}, which came later` };
      if (last === null || place > last.place) last = { place, id };
    }
  }
}

/** After a FLUSHALL a balance may be missing: then the Go API asks for it. */
function* staleCache({ redis, tables }: Scene): Generator<Violation> {
  for (const { kind, id, cents } of redis.contents.values()) {
    const true_ =
      kind === 'account' ? tables.states.get(id)?.balanceCents : tables.cardTotals.get(id)?.totalCents;
    if (true_ !== cents)
      yield {
        promise: 'cache',
        detail: `${kind} ${short(id)} shows ${cents}, the ledger has ${String(true_)}`,
      };
  }
  if (redis.wasFlushed) return;
  for (const [id, { balanceCents }] of tables.states)
    if (!redis.contents.has(`account ${id}`) && balanceCents !== 0n)
      yield { promise: 'cache', detail: `account ${short(id)} shows nothing` };
}
