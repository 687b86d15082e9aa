/**
 * Letters, retries, parked commands, quarantines and the outbox: the same of PostgreSQL and of the simulated one.
 *
 * A message is acknowledged on the word of these stores. Without this the simulator takes their word for what they do not do.
 */
import { randomUUID } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { SHARDS } from '../../sim/servers/sim-tables.ts';
import { shardOf } from '../../src/domain/shard.ts';
import { LIMITS } from '../../src/limits.ts';
import { letter } from '../support/letter.ts';
import type { OutboxDue, OutboxTask, OwnedParked, Retry } from '../../src/ports/stores.ts';
import { approved, changeOf, newCommand } from '../support/ledger-fixtures.ts';
import { claimant, takeOver } from '../support/shard-owner.ts';
import { pendingOn } from './ledger-server.ts';
import type { LedgerServer, RowStatus } from './ledger-server.ts';

export function describeStores(present: () => LedgerServer): void {
  describeLetters(present);
  describeRetries(present);
  describeParked(present);
  describeQuarantines(present);
  describeOutbox(present);
}

function describeLetters(present: () => LedgerServer): void {
  async function transaction(status: RowStatus = 'PENDING'): Promise<string> {
    const command = newCommand({ accountId: await present().newAccount() });
    await present().insertRow(command, status);
    return command.transactionId;
  }
  const statusOf = async (id: string) => (await present().rowOf(id))?.status;

  describe('dead letters', () => {
    test('have an id each, in the order given', async () => {
      const ids = await present().letters.record([
        letter({ code: 'BODY_EMPTY' }),
        letter({ code: 'BODY_NOT_JSON' }),
      ]);
      expect(new Set(ids).size).toBe(2);
      expect(ids[0]).toBeLessThan(ids[1]!);
      expect(await present().lettersSeen()).toEqual(['BODY_EMPTY open', 'BODY_NOT_JSON open']);
      expect(await present().letters.record([])).toEqual([]);
    });

    test('of a redelivered message keep their id; the same bytes sent again, from another queue or after closing do not', async () => {
      const store = present().letters;
      const body = Buffer.from('again');
      const [first] = await store.record([letter({ body })]);
      const again = letter({ body, redelivered: true });
      expect(await store.record([letter(), again])).toEqual([expect.anything(), first]);
      const [sentAgain, otherQueue] = await store.record([
        letter({ body }),
        letter({ body, redelivered: true, queue: 'retry_queue' }),
      ]);
      expect(new Set([first, sentAgain, otherQueue]).size).toBe(3);
      await present().closeLetters();
      const [afterClosing] = await store.record([again]);
      expect([first, sentAgain, otherQueue]).not.toContain(afterClosing);
      expect(await present().lettersSeen()).toHaveLength(5);
    });

    test('that say so turn their PENDING row into ERROR, and no other row', async () => {
      const [marked, decided, unmarked] = [
        await transaction(),
        await transaction('APPROVED'),
        await transaction(),
      ];
      await present().letters.record([
        letter({ transactionId: marked, marksError: true, code: 'COMMIT_REFUSED' }),
        letter({ transactionId: decided, marksError: true }),
        letter({ transactionId: unmarked, marksError: false, code: 'PAYLOAD_MISMATCH' }),
        letter({ transactionId: randomUUID(), marksError: true }),
      ]);
      expect([await statusOf(marked), await statusOf(decided), await statusOf(unmarked)]).toEqual([
        'ERROR',
        'APPROVED',
        'PENDING',
      ]);
    });
  });
}

function describeRetries(present: () => LedgerServer): void {
  const NOW_MS = 1_795_400_000_000;

  function retry(change: Partial<Retry> = {}): Retry {
    return {
      transactionId: randomUUID(),
      accountId: randomUUID(),
      attempt: 1,
      code: 'ROW_MISSING',
      queue: 'transactions_queue',
      body: Buffer.from('{"a":1}'),
      dueAtMs: NOW_MS + 123,
      firstSeenAtMs: NOW_MS - 99_999,
      ...change,
    };
  }

  describe('retries', () => {
    test('are found exactly as they were scheduled, until they are removed', async () => {
      const store = present().retries;
      const given = retry({ body: Buffer.from([0, 255, 92]) });
      expect(await store.schedule([given])).toEqual([null]);
      expect(await store.find(given.transactionId)).toEqual(given);
      // What ends late must not take another message's place with it.
      await store.remove([{ ...given, body: Buffer.from('another') }]);
      expect(await store.find(given.transactionId)).toEqual(given);
      await store.remove([given, retry()]);
      expect(await store.find(given.transactionId)).toBeNull();
      await store.remove([]);
      expect(await store.schedule([])).toEqual([]);
    });

    test('are moved on; the time of their first sight stays the earliest', async () => {
      const store = present().retries;
      const first = retry();
      await store.schedule([first]);
      const moved = { ...first, attempt: 2, code: 'ROW_LOCKED', dueAtMs: first.dueAtMs + 5_000 } as const;
      expect(await store.schedule([{ ...moved, firstSeenAtMs: first.firstSeenAtMs + 99 }])).toEqual([null]);
      expect(await store.find(first.transactionId)).toEqual(moved);
    });

    test('are not put off by a repeat of the message that waits, in one batch or over two', async () => {
      const store = present().retries;
      const waiting = retry({ attempt: 2 });
      const repeat = { ...waiting, attempt: 1, dueAtMs: waiting.dueAtMs + 60_000 };
      const again = { ...repeat, attempt: 2 };
      expect(await store.schedule([waiting, repeat])).toEqual([null, null]);
      expect(await store.find(waiting.transactionId)).toEqual(waiting);
      for (const batch of [[repeat], [again], [repeat, again]])
        expect(await store.schedule(batch)).toEqual(batch.map(() => null));
      expect(await store.find(waiting.transactionId)).toEqual(waiting);
      const elsewhere = { ...repeat, code: 'ROW_LOCKED' } as const;
      expect(await store.schedule([elsewhere])).toEqual([null]);
      expect(await store.find(waiting.transactionId)).toEqual(elsewhere);
    });

    test('of another body under the same id are handed back and change nothing, in one batch or over two', async () => {
      const store = present().retries;
      const first = retry();
      const other = { ...first, body: Buffer.from('{"a":2}'), attempt: 9 };
      const later = { ...first, attempt: 2 };
      expect(await store.schedule([first, other, later])).toEqual([null, later, null]);
      const bystander = retry();
      expect(await store.schedule([other, bystander])).toEqual([later, null]);
      expect(await store.find(first.transactionId)).toEqual(later);
      expect(await store.find(bystander.transactionId)).toEqual(bystander);
    });

    test('come oldest first when they are due, bounded, and none before its time', async () => {
      const store = present().retries;
      const retries = [5, -20, -10, 0, -30].map((offsetMs) => retry({ dueAtMs: NOW_MS + offsetMs }));
      await store.schedule(retries);
      const due = await store.due(NOW_MS, SHARDS, 10);
      expect(due).toEqual([retries[4], retries[1], retries[2]]);
      expect(await store.due(NOW_MS, SHARDS, 2)).toEqual(due.slice(0, 2));
    });

    test('come to a node for its own shards alone, whatever stands in front of them', async () => {
      const store = present().retries;
      const ours = retry({ dueAtMs: NOW_MS - 1 });
      const shard = shardOf(ours.accountId, LIMITS.shardCount);
      const others = Array.from({ length: 50 }, (_, place) =>
        retry({ dueAtMs: NOW_MS - 100 - place }),
      ).filter(({ accountId }) => shardOf(accountId, LIMITS.shardCount) !== shard);
      await store.schedule([...others, ours]);
      expect(await store.due(NOW_MS, [shard], 1)).toEqual([ours]);
      expect(await store.due(NOW_MS, [], 10)).toEqual([]);
    });
  });
}

function describeParked(present: () => LedgerServer): void {
  const SHARD = 3;
  const command = (accountId: string, body: string | Buffer, epoch = 0n): OwnedParked => ({
    ...{ accountId, shard: SHARD, epoch, queue: 'transactions_queue' },
    ...{ body: Buffer.from(body), reason: 'a test' },
  });
  const bodiesOf = async (accountId: string): Promise<readonly string[]> =>
    (await present().parked.oldest(accountId, [], 1_000)).map(({ body }) => body.toString());

  describe('parked commands', () => {
    test('come in the order in which they were given, without those on the road, bounded', async () => {
      const store = present().parked;
      const [accountId, other] = [randomUUID(), randomUUID()];
      await store.park(
        ['a', 'b', 'c', 'd'].flatMap((body) => [command(accountId, body), command(other, 'x')]),
      );
      expect(await store.park([])).toEqual([]);
      const first = await store.oldest(accountId, [], 2);
      expect(first.map(({ body }) => body.toString())).toEqual(['a', 'b']);
      expect(first[0]).toMatchObject({ accountId, queue: 'transactions_queue' });
      expect(Math.abs((first[0]?.sinceMs ?? 0) - Date.now())).toBeLessThan(600_000);
      const taken = first.map(({ n }) => n);
      const next = await store.oldest(accountId, taken, 10);
      expect(next.map(({ body }) => body.toString())).toEqual(['c', 'd']);
      await store.unpark([...first, ...next.slice(1)]);
      await store.unpark([]);
      expect([await bodiesOf(accountId), await bodiesOf(other)]).toEqual([['c'], ['x', 'x', 'x', 'x']]);
    });

    test('are bounded in bytes, but one always comes', async () => {
      const store = present().parked;
      const accountId = randomUUID();
      const large = Buffer.alloc(LIMITS.parkedBatchBytesMax + 1);
      await store.park([large, 'b', large, 'd'].map((body) => command(accountId, body)));
      const sizes: number[] = [];
      for (;;) {
        const rows = await store.oldest(accountId, [], 10);
        if (rows.length === 0) break;
        sizes.push(rows.length);
        await store.unpark(rows);
      }
      expect(sizes).toEqual([1, 2, 1]);
    });

    test('are of accounts to take up, each once, by id, a few at a time, but for those that are set aside', async () => {
      const store = present().parked;
      const accounts = await Promise.all([1, 2, 3, 4, 5].map(() => present().newAccount()));
      accounts.sort();
      await store.park([...accounts, ...accounts].map((accountId) => command(accountId, 'x')));
      const aside = accounts[1]!;
      await present().quarantines.setAside({ accountId: aside, shard: SHARD, epoch: 0n, reason: 'a test' });
      const open = accounts.filter((accountId) => accountId !== aside);
      expect(await store.accountsToTakeUp(null, 10)).toEqual(open);
      expect(await store.accountsToTakeUp(null, 2)).toEqual(open.slice(0, 2));
      expect(await store.accountsToTakeUp(open[1]!, 10)).toEqual(open.slice(2));
      expect(await store.accountsToTakeUp(open[3]!, 10)).toEqual([]);
      expect(await present().reader.account(open[0]!)).toMatchObject({ hasParked: true });
      expect(await present().reader.account(await present().newAccount())).toMatchObject({
        hasParked: false,
      });
    });

    test('are refused, one by one, where the shard has another epoch', async () => {
      const [accountId, other] = [randomUUID(), randomUUID()];
      await takeOver(present().directoryOf(claimant('a')), [SHARD]);
      await takeOver(present().directoryOf(claimant('b')), [SHARD]);
      const elsewhere = { ...command(other, 'c'), shard: SHARD + 1 };
      const given = [command(accountId, 'a', 1n), command(accountId, 'b', 2n), elsewhere];
      expect(await present().parked.park([...given, command(accountId, 'd', 3n)])).toEqual([
        'fenced',
        'parked',
        'parked',
        'fenced',
      ]);
      expect([await bodiesOf(accountId), await bodiesOf(other)]).toEqual([['b'], ['c']]);
    });
  });

  describe('parking without owner', () => {
    const two = (accountId: string) => ['a', 'b'].map((body) => command(accountId, body));

    test('where nobody ever had the shard: in order, under the same epoch', async () => {
      const [store, accountId] = [present().parked, randomUUID()];
      expect(await store.parkUnowned(SHARD, 0n, two(accountId))).toEqual({ kind: 'parked', epoch: 0n });
      expect(await store.parkUnowned(SHARD, 0n, [command(accountId, 'c')])).toMatchObject({ epoch: 0n });
      expect(await bodiesOf(accountId)).toEqual(['a', 'b', 'c']);
    });

    test.each(['is named', 'has let go of it'])('where somebody %s: its epoch ends, once', async (how) => {
      const server = present();
      const accountId = randomUUID();
      const directory = server.directoryOf(claimant('node-1'));
      await takeOver(directory, [SHARD]);
      if (how !== 'is named') await directory.release([SHARD]);
      const parked = { kind: 'parked', epoch: 2n };
      expect(await server.parked.parkUnowned(SHARD, 1n, two(accountId))).toEqual(parked);
      expect(await server.parked.parkUnowned(SHARD, 2n, [command(accountId, 'c')])).toEqual(parked);
      expect(await bodiesOf(accountId)).toEqual(['a', 'b', 'c']);
      expect((await directory.read())[SHARD]).toEqual({ shard: SHARD, epoch: 2n, owner: null });
      // It comes back, with an actor that has read its account before.
      const deposit = await pendingOn(server, { accountId: await server.newAccount() });
      const { verdicts } = await server.ledger.commit([
        changeOf([approved(deposit)], { shard: SHARD, epoch: 1n }),
      ]);
      expect(verdicts).toEqual([{ kind: 'fenced' }]);
    });

    test.each([1n, 3n])('another epoch than %s holds: nothing is written', async (seen) => {
      const accountId = randomUUID();
      const node = claimant('node-1');
      const directory = present().directoryOf(node);
      await takeOver(directory, [SHARD]);
      await takeOver(directory, [SHARD]);
      expect(await present().parked.parkUnowned(SHARD, seen, two(accountId))).toEqual({
        kind: 'owned',
        epoch: 2n,
      });
      expect(await bodiesOf(accountId)).toEqual([]);
      expect((await directory.read())[SHARD]).toEqual({ shard: SHARD, epoch: 2n, owner: node });
    });

    test('a shard that there is not is said so', async () => {
      await expect(present().parked.parkUnowned(999, 0n, two(randomUUID()))).rejects.toThrow('no shard 999');
    });
  });
}

function describeQuarantines(present: () => LedgerServer): void {
  const SHARD = 3;

  describe('a quarantine', () => {
    test('changes the status and nothing else; once more it changes nothing', async () => {
      const server = present();
      const deposit = await pendingOn(server, { accountId: await server.newAccount() });
      const { accountId } = deposit;
      await takeOver(server.directoryOf(claimant('a')), [SHARD]);
      await server.ledger.commit([changeOf([approved(deposit)], { shard: SHARD, epoch: 1n })]);
      const order = { accountId, shard: SHARD, epoch: 1n, reason: 'a test' };
      expect(await server.quarantines.setAside(order)).toBe('quarantined');
      expect(await server.quarantines.setAside(order)).toBe('quarantined');
      expect(await server.reader.account(accountId)).toMatchObject({
        status: 'quarantined',
        balanceCents: 1_000n,
        seq: 1n,
      });
    });

    test.each([0n, 2n])('under epoch %s is fenced', async (epoch) => {
      const accountId = await present().newAccount();
      await takeOver(present().directoryOf(claimant('a')), [SHARD]);
      const order = { accountId, shard: SHARD, epoch, reason: 'a test' };
      expect(await present().quarantines.setAside(order)).toBe('fenced');
      expect(await present().reader.account(accountId)).toMatchObject({ status: 'active' });
    });
  });
}

function describeOutbox(present: () => LedgerServer): void {
  const TAKING = { ageMs: 0, limit: 10, known: [], able: 'all' } as const;
  const nothing = (): Promise<void> => Promise.resolve();
  const idsOf = (tasks: readonly OutboxTask[]): bigint[] => tasks.map(({ outboxId }) => outboxId);

  /** A row of the lane's own incarnation, about one account. */
  async function row(): Promise<bigint> {
    const deposit = await pendingOn(present(), { accountId: await present().newAccount() });
    const { outboxId } = await present().ledger.commit([changeOf([approved(deposit)])]);
    return outboxId!;
  }

  /** Work that the test ends. */
  function heldWork() {
    let begin: (tasks: readonly OutboxTask[]) => void = () => undefined;
    let finish: () => void = () => undefined;
    const begun = new Promise<readonly OutboxTask[]>((resolve) => (begin = resolve));
    const done = new Promise<void>((resolve) => (finish = resolve));
    const work = async (tasks: readonly OutboxTask[]): Promise<void> => {
      begin(tasks);
      await done;
    };
    return { begun, finish: () => finish(), work };
  }

  describe('the outbox', () => {
    test('gives rows with the balances of now, in order, not those that are too young', async () => {
      const server = present();
      const accountId = await server.newAccount();
      const cardId = await server.newCard(accountId);
      const purchase = await pendingOn(server, { accountId, cardId, type: 'PURCHASE' });
      const deposit = await pendingOn(server, { accountId });
      const first = await server.ledger.commit([changeOf([approved(purchase, { before: 5_000n })])]);
      const second = await server.ledger.commit([changeOf([approved(deposit, { seq: 2n, before: 4_000n })])]);
      const store = server.outboxOf(randomUUID());
      expect(await store.takeOver({ ...TAKING, ageMs: 600_000 }, nothing)).toBe(0);
      const seen: OutboxTask[] = [];
      const work = (tasks: readonly OutboxTask[]): Promise<void> => Promise.resolve(void seen.push(...tasks));
      expect(await store.takeOver(TAKING, work)).toBe(2);
      const account = { kind: 'account', id: accountId, cents: 5_000n, version: 2n };
      const card = { kind: 'card', id: cardId, cents: 1_000n, version: 1n };
      expect(seen).toEqual([
        { outboxId: first.outboxId, due: 'all', balances: [account, card] },
        { outboxId: second.outboxId, due: 'all', balances: [account] },
      ]);
      expect(await server.outboxSeen()).toEqual([]);
    });

    test('shares rows between two takers at once; none is worked on twice, nor removed meanwhile', async () => {
      const ids = [await row(), await row(), await row()] as const;
      const [one, other] = [present().outboxOf(randomUUID()), present().outboxOf(randomUUID())];
      const [first, second] = [heldWork(), heldWork()];
      const takers = [one.takeOver({ ...TAKING, limit: 2 }, first.work)];
      expect(idsOf(await first.begun)).toEqual([ids[0], ids[1]]);
      takers.push(other.takeOver(TAKING, second.work));
      expect(idsOf(await second.begun)).toEqual([ids[2]]);
      expect(await one.takeOver(TAKING, nothing)).toBe(0);
      await one.remove(ids);
      expect(await present().outboxSeen()).toEqual(ids);
      first.finish();
      second.finish();
      expect(await Promise.all(takers)).toEqual([2, 1]);
      expect(await present().outboxSeen()).toEqual([]);
    });

    test('keeps rows whose work failed for the next one', async () => {
      const id = await row();
      const store = present().outboxOf(randomUUID());
      const failing = store.takeOver(TAKING, () => Promise.reject(new Error('Redis is away')));
      await expect(failing).rejects.toThrow('Redis is away');
      expect(await present().outboxSeen()).toEqual([id]);
      expect(await store.takeOver(TAKING, nothing)).toBe(1);
    });

    test('notes what is left to do of a row: the other part is not done again', async () => {
      const store = present().outboxOf(randomUUID());
      const dues = async (able: OutboxDue): Promise<readonly OutboxDue[]> => {
        const seen: OutboxDue[] = [];
        await store.takeOver({ ...TAKING, able }, (tasks) =>
          Promise.resolve(void seen.push(...tasks.map(({ due }) => due))),
        );
        return seen;
      };
      await row();
      expect(await dues('balances')).toEqual(['all']);
      expect(await dues('balances')).toEqual([]);
      expect(await dues('events')).toEqual(['events']);
      await row();
      expect(await dues('events')).toEqual(['all']);
      expect(await dues('events')).toEqual([]);
      expect(await dues('all')).toEqual(['balances']);
      expect(await present().outboxSeen()).toEqual([]);
    });

    test('tells the balances of rows that are left for later, and leaves those rows', async () => {
      const [, second, third] = [await row(), await row(), await row()];
      const store = present().outboxOf(randomUUID());
      const behind: number[] = [];
      const take = (limit: number, able: OutboxDue): Promise<number> =>
        store.takeOver({ ...TAKING, limit, able }, (_, more) =>
          Promise.resolve(void behind.push(more.length)),
        );
      await take(1, 'all');
      expect(await present().outboxSeen()).toEqual([second, third]);
      await take(1, 'events');
      await take(9, 'all');
      expect(behind).toEqual([2, 0, 0]);
    });

    test('removes the rows named, and minds none that are gone', async () => {
      const [first, kept] = [await row(), await row()];
      await present().outboxOf(randomUUID()).remove([first, 999_999n]);
      await present().outboxOf(randomUUID()).remove([]);
      expect(await present().outboxSeen()).toEqual([kept]);
    });
  });
}
