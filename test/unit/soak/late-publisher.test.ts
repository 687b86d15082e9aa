/** Without this: a soak in which no refund ever comes early, or one that breaks order by itself and blames the cluster. */
import { expect, it } from 'vitest';
import { drive } from '../../../src/drive/drive.ts';
import type { Operation } from '../../../src/drive/operation.ts';
import { SeededRandom } from '../../../src/drive/seeded-random.ts';
import { Traffic, TRAFFIC_DEFAULTS } from '../../../src/drive/traffic.ts';
import { LatePublisher } from '../../../soak/late-publisher.ts';
import type { PublishTarget } from '../../../soak/late-publisher.ts';

class Published implements PublishTarget {
  readonly unforeseen = new Set<string>();
  readonly operations: Operation[] = [];
  readonly declareQueues = (): Promise<void> => Promise.resolve();
  readonly insertPending = (operations: readonly Operation[]): Promise<number> =>
    Promise.resolve(operations.length);
  readonly openAccounts = (): Promise<void> => Promise.resolve();
  readonly backlog = (): Promise<number> => Promise.resolve(0);

  publish(operations: readonly Operation[]): Promise<void> {
    this.operations.push(...operations);
    return Promise.resolve();
  }
}

const ACCOUNTS = 20;
const TRANSACTIONS = 3_000;

async function published(): Promise<Published> {
  const target = new Published();
  const traffic = new Traffic({
    ...TRAFFIC_DEFAULTS,
    seed: 'late',
    run: '1',
    accounts: ACCOUNTS,
    duplicatesShare: 0.2,
  });
  const late = new LatePublisher(target, new SeededRandom('late'));
  await drive(late, traffic, { transactions: TRANSACTIONS, ratePerSecond: 0, backlogMax: null });
  return target;
}

/** Index of the first message of each transaction. */
function firstPlaces(operations: readonly Operation[], kind: 'transaction' | 'repeat'): Map<string, number> {
  const places = new Map<string, number>();
  operations.forEach((operation, index) => {
    if (operation.kind !== kind || places.has(operation.command.transactionId)) return;
    places.set(operation.command.transactionId, index);
  });
  return places;
}

it('refunds come before what they refund, nothing is missing, and the accounts are known', async () => {
  const { operations, unforeseen } = await published();
  const places = firstPlaces(operations, 'transaction');
  expect(places.size).toBe(TRANSACTIONS);
  expect(unforeseen.size).toBe(ACCOUNTS);
  const early = operations.filter(
    (operation, index) =>
      operation.kind === 'transaction' &&
      operation.command.originalId !== null &&
      (places.get(operation.command.originalId) ?? -1) > index,
  );
  expect(early.length).toBeGreaterThan(20);
});

it('no repeat comes before the first', async () => {
  const { operations } = await published();
  const places = firstPlaces(operations, 'transaction');
  const repeats = firstPlaces(operations, 'repeat');
  expect(repeats.size).toBeGreaterThan(100);
  for (const [id, place] of repeats) expect(place).toBeGreaterThan(places.get(id)!);
});
