/**
 * The run of a drive, against a hand-driven API. Without these, a message could overtake the row it is about (the
 * processor would defer it), and stopping could leave rows behind that nobody was ever told of.
 */
import { describe, expect, it } from 'vitest';
import { drive, type DriveCounts, type DriveOptions, type DriveTarget } from '../../../src/drive/drive.ts';
import { isSound, type Operation, type SoundOperation } from '../../../src/drive/operation.ts';
import { Traffic, TRAFFIC_DEFAULTS } from '../../../src/drive/traffic.ts';

class FakeApi implements DriveTarget {
  readonly log: string[] = [];
  readonly committed = new Set<string>();
  readonly published: SoundOperation[] = [];
  readonly tooEarly: Operation[] = [];
  backlogs: number[] = [];
  insert: () => Promise<void> = () => Promise.resolve();

  declareQueues(): Promise<void> {
    this.log.push('declare');
    return Promise.resolve();
  }

  openAccounts(): Promise<void> {
    this.log.push('accounts');
    return Promise.resolve();
  }

  async insertPending(operations: readonly Operation[]): Promise<number> {
    this.log.push('insert');
    const ids = operations.flatMap((operation) =>
      operation.kind === 'transaction' && operation.command.shape === 'live'
        ? [operation.command.transactionId]
        : [],
    );
    await this.insert();
    for (const id of ids) this.committed.add(id);
    return ids.length;
  }

  publish(operations: readonly Operation[]): Promise<void> {
    this.log.push('publish');
    for (const operation of operations.filter(isSound)) {
      const { command } = operation;
      const hasRow = command.kind === 'transaction' && command.shape === 'live';
      if (hasRow && !this.committed.has(command.transactionId)) this.tooEarly.push(operation);
      this.published.push(operation);
    }
    return Promise.resolve();
  }

  backlog(): Promise<number> {
    this.log.push('backlog');
    return Promise.resolve(this.backlogs.shift() ?? 0);
  }
}

const traffic = (): Traffic =>
  new Traffic({ ...TRAFFIC_DEFAULTS, accounts: 20, seed: 's', run: 'r', duplicatesShare: 0.2 });
const OPTIONS: DriveOptions = { transactions: 2_500, ratePerSecond: 0, backlogMax: null };

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('a drive', () => {
  it('sends exactly what was asked for, and counts all of it', async () => {
    const api = new FakeApi();
    const seen: DriveCounts[] = [];
    const report = await drive(api, traffic(), { ...OPTIONS, onProgress: (counts) => seen.push(counts) });

    expect(report).toMatchObject({ ended: 'complete', transactions: 2_500 });
    expect(api.published).toHaveLength(report.messages);
    expect(report.messages).toBe(report.transactions + report.repeats + report.balanceRequests);
    expect(report.rowsInserted).toBe(api.committed.size);
    expect(report.rowsInserted + report.documented).toBe(2_500);
    expect(Object.values(report.byIntent).reduce((sum, count) => sum + count, 0)).toBe(2_500);
    expect(seen.map(({ transactions }) => transactions)).toEqual([1_000, 2_000, 2_500, 2_500]);
    expect(api.log.slice(0, 2)).toEqual(['declare', 'accounts']);
    expect(api.log.at(-1)).toBe('backlog');
  });

  it('publishes nothing before its row is committed, in the order of the stream, while the next rows are written', async () => {
    const api = new FakeApi();
    api.insert = turn;
    const other = traffic();
    await drive(api, other, OPTIONS);

    expect(api.tooEarly).toEqual([]);
    expect(api.log.filter((entry) => entry === 'insert' || entry === 'publish')).toEqual([
      'insert',
      'insert',
      'publish',
      'insert',
      'publish',
      'publish',
      'publish',
    ]);
    const again = traffic();
    const expected = Array.from({ length: 2_500 }, () => again.next(0)).flat();
    const idsOf = (operations: readonly Operation[]): unknown[] =>
      operations
        .filter(isSound)
        .map(({ kind, command }) => [kind, command.kind === 'transaction' && command.transactionId]);
    expect(idsOf(api.published)).toEqual(idsOf([...expected, ...again.rest()]));
  });

  it('publishes what it has inserted when it is stopped', async () => {
    const api = new FakeApi();
    const stop = new AbortController();
    api.insert = () => {
      if (api.log.filter((entry) => entry === 'insert').length === 3) stop.abort();
      return turn();
    };
    const report = await drive(api, traffic(), { ...OPTIONS, transactions: null, signal: stop.signal });

    expect(report).toMatchObject({ ended: 'stopped', transactions: 3_000 });
    const ids = new Set(
      api.published.map(({ command }) => 'transactionId' in command && command.transactionId),
    );
    for (const id of api.committed) expect(ids).toContain(id);
  });

  // At this pace the second transaction would leave after 100 s, long after the test's own time limit.
  it('keeps a pace, and stops at once while it waits', async () => {
    const api = new FakeApi();
    const stop = new AbortController();
    const report = await drive(api, traffic(), {
      ...OPTIONS,
      transactions: null,
      ratePerSecond: 0.01,
      signal: stop.signal,
      onProgress: () => stop.abort(),
    });
    expect(report).toMatchObject({ ended: 'stopped', transactions: 1 });
  });

  it('waits while too much stands in the queue', async () => {
    const api = new FakeApi();
    api.backlogs = [5_000, 5_000, 100];
    const report = await drive(api, traffic(), { ...OPTIONS, transactions: 1_000, backlogMax: 200 });
    expect(report.transactions).toBe(1_000);
    expect(api.log.filter((entry) => entry === 'backlog')).toHaveLength(4);
  });

  it('fails when the database does, without an unhandled rejection', async () => {
    const api = new FakeApi();
    api.insert = () => Promise.reject(new Error('the database went away'));
    await expect(drive(api, traffic(), OPTIONS)).rejects.toThrow('the database went away');
    expect(api.published).toEqual([]);
    await turn();
  });
});
