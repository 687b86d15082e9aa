/** Without this: a command is lost or answered twice, decided out of order, or put into one commit with its own repeat. */
import { describe, expect, it } from 'vitest';
import { Mailbox } from '../../../src/machines/mailbox.ts';
import { balanceRequest, FakeEnvelope, transaction } from '../../support/fakes/fake-envelope.ts';

const parked = { kind: 'parked', reason: 'test' } as const;

function filled(...commands: Parameters<typeof transaction>[]): { mailbox: Mailbox; all: FakeEnvelope[] } {
  const mailbox = new Mailbox();
  const all = commands.map((args) => new FakeEnvelope(transaction(...args)));
  for (const envelope of all) mailbox.accept(envelope);
  return { mailbox, all };
}

describe('the run', () => {
  it('takes what waits, in order, up to the limit', () => {
    const { mailbox, all } = filled([1], [2], [3]);
    mailbox.takeRun(2);
    expect(mailbox.run).toEqual(all.slice(0, 2));
    expect(mailbox.waitingCount).toBe(1);
  });

  it('ends before a second command of the same transaction', () => {
    const { mailbox, all } = filled([1], [2], [1, { idempotencyKey: 'other' }], [3]);
    expect(mailbox.nextRun(10)).toEqual(all.slice(0, 2));
  });

  it('ends before a second command with the same key', () => {
    const { mailbox, all } = filled([1], [2, { idempotencyKey: 'key-1' }]);
    expect(mailbox.nextRun(10)).toEqual(all.slice(0, 1));
  });

  it('skips balance requests at the head and ends before one further back', () => {
    const mailbox = new Mailbox();
    const [first, second] = [new FakeEnvelope(transaction(1)), new FakeEnvelope(transaction(2))];
    for (const envelope of [new FakeEnvelope(balanceRequest()), first]) mailbox.accept(envelope);
    for (const envelope of [new FakeEnvelope(balanceRequest()), second]) mailbox.accept(envelope);
    expect(mailbox.nextRun(10)).toEqual([first]);
    expect(() => mailbox.takeRun(10)).toThrow('not answered');
    expect(mailbox.takeBalanceRequest()?.command.kind).toBe('balance');
    expect(mailbox.takeBalanceRequest()).toBeUndefined();
    mailbox.takeRun(10);
    expect(mailbox.waitingCount).toBe(2);
  });

  it('sees what arrived after it was looked at, and another limit', () => {
    const { mailbox, all } = filled([1], [2]);
    expect(mailbox.nextRun(1)).toEqual(all.slice(0, 1));
    expect(mailbox.nextRun(5)).toEqual(all);
    const late = new FakeEnvelope(transaction(3));
    mailbox.accept(late);
    expect(mailbox.nextRun(5)).toEqual([...all, late]);
  });

  it('goes back to the head, before what came later', () => {
    const { mailbox, all } = filled([1], [2], [3]);
    mailbox.takeRun(2);
    const late = new FakeEnvelope(transaction(4));
    mailbox.accept(late);
    mailbox.putBack();
    expect(mailbox.run).toEqual([]);
    expect(mailbox.takeAll()).toEqual([...all, late]);
  });

  it('is not replaced while it lasts', () => {
    const { mailbox } = filled([1], [2]);
    mailbox.takeRun(1);
    expect(() => mailbox.takeRun(1)).toThrow('has not ended');
  });
});

describe('settling', () => {
  it('ends those with a settlement, in order, and keeps the others in order', () => {
    const { mailbox, all } = filled([1], [2], [3]);
    const order: string[] = [];
    for (const one of all) one.onSettle = () => order.push(one.ending);
    mailbox.takeRun(3);
    expect(mailbox.settleRun([parked, null, { kind: 'deferred', code: 'ROW_MISSING' }])).toBe(2);
    expect(order).toEqual(['parked', 'deferred ROW_MISSING']);
    expect(mailbox.run).toEqual([all[1]]);
  });

  it('keeps what it had not come to when a settlement throws, but not the one that threw', () => {
    const { mailbox, all } = filled([1], [2], [3]);
    all[1]!.onSettle = () => {
      throw new Error('broken');
    };
    mailbox.takeRun(3);
    expect(() => mailbox.settleRun([null, parked, parked])).toThrow('broken');
    expect(mailbox.takeAll()).toEqual([all[0], all[2]]);
  });

  it('refuses outcomes that are not one per command', () => {
    const { mailbox } = filled([1], [2]);
    mailbox.takeRun(2);
    expect(() => mailbox.settleRun([parked])).toThrow('differ in length');
    expect(mailbox.takeAll()).toHaveLength(2);
  });

  it('settles only as many waiting ones as it is told', () => {
    const { mailbox, all } = filled([1], [2], [3]);
    mailbox.settleWaiting(2, () => parked);
    expect(all.map(({ ending }) => ending)).toEqual(['parked', 'parked', 'open']);
    mailbox.settleWaiting(9, () => parked);
    expect(mailbox.isEmpty).toBe(true);
  });
});

it('keeps the order of thousands, taken in pieces', () => {
  const { mailbox, all } = filled(...Array.from({ length: 5_000 }, (_, n) => [n] as [number]));
  const taken: unknown[] = [];
  while (!mailbox.isEmpty) {
    mailbox.takeRun(700);
    taken.push(...mailbox.run);
    mailbox.settleRun(mailbox.run.map(() => parked));
  }
  expect(taken).toEqual(all);
});
