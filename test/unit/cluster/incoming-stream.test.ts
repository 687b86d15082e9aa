/** Without these: an owner takes a command whose predecessor was lost, takes one twice, or refuses one out of the middle. */
import { describe, expect, it } from 'vitest';
import { IncomingStream } from '../../../src/supervisor/cluster/incoming-stream.ts';

const EPOCH = 3n;

/** What becomes of the command, in one word or two. */
function offer(
  to: IncomingStream,
  n: number,
  how: { after?: number; stream?: number; epoch?: bigint; own?: bigint | null } = {},
): string {
  const { after = n - 1, stream = 1, epoch = EPOCH, own = EPOCH } = how;
  const made = to.offer({ epoch, stream, n, after }, own);
  if (made.kind !== 'answer') return made.kind;
  const { answer } = made;
  expect(answer).toMatchObject({ shard: 7, stream });
  switch (answer.kind) {
    case 'settled':
      return `settled ${answer.numbers.join()}`;
    case 'gap':
      return `gap ${answer.expected}`;
    case 'not-owner':
      return `not-owner ${answer.epoch?.toString() ?? '?'}`;
  }
}

const incoming = (windowMax = 5): IncomingStream => new IncomingStream({ shard: 7, windowMax });

describe('taking', () => {
  it('takes in order only, and complains once for each gap', () => {
    const to = incoming();
    expect(offer(to, 2)).toBe('gap 0');
    expect(offer(to, 3)).toBe('ignore');
    expect(offer(to, 0)).toBe('take');
    expect(offer(to, 3)).toBe('gap 1');
    expect(offer(to, 1)).toBe('take');
  });

  it('complains again when the sender went back and something is missing again', () => {
    const to = incoming();
    expect(offer(to, 2)).toBe('gap 0');
    expect(offer(to, 4)).toBe('ignore');
    expect(offer(to, 1)).toBe('gap 0');
  });

  it('skips what the sender knows to be settled', () => {
    const to = incoming();
    expect(offer(to, 4, { after: -1 })).toBe('take');
    expect(offer(to, 9, { after: 4 })).toBe('take');
    expect(offer(to, 12, { after: 10 })).toBe('gap 10');
  });

  it('leaves alone what is being worked on, and answers again what was settled', () => {
    const to = incoming();
    offer(to, 0);
    offer(to, 1);
    expect(offer(to, 0)).toBe('ignore');
    expect(to.settle(1, 0)).toBe(true);
    expect(offer(to, 0)).toBe('settled 0');
    expect(to.settle(1, 0)).toBe(false);
    expect(to.openCount).toBe(1);
  });

  it('holds no more than the window', () => {
    const to = incoming(2);
    offer(to, 0);
    offer(to, 1);
    expect(offer(to, 2)).toBe('ignore');
    to.settle(1, 1);
    expect(offer(to, 2)).toBe('take');
  });
});

describe('refusing', () => {
  it.each([
    ['an epoch that is over', { own: 4n }, 'not-owner 4'],
    ['an epoch it does not know of yet', { own: 2n }, 'not-owner 2'],
    ['a shard it does not have', { own: null }, 'not-owner ?'],
  ])('refuses %s, and all that follows, even when it fits later', (_, how, answer) => {
    const to = incoming();
    expect(offer(to, 0, how)).toBe(answer);
    expect(offer(to, 1, how)).toBe(answer);
    expect(offer(to, 0)).toBe('not-owner 3');
  });

  it('says so itself when the shard is handed off, once', () => {
    const to = incoming();
    offer(to, 0);
    expect(to.close(EPOCH)).toEqual({ kind: 'not-owner', shard: 7, stream: 1, epoch: EPOCH });
    expect(to.close(EPOCH)).toBeNull();
    expect(offer(to, 1)).toBe('not-owner 3');
    expect(to.settle(1, 0)).toBe(true);
  });

  it('has nobody to tell before there is a stream', () => {
    expect(incoming().close(null)).toBeNull();
  });

  it('drops nothing out of the middle', () => {
    const to = incoming();
    offer(to, 0);
    expect(() => to.drop(1, 0)).toThrow('out of the middle');
    to.close(null);
    to.drop(1, 0);
    expect(to.settle(1, 0)).toBe(false);
  });
});

describe('a new stream', () => {
  it('begins only with everything before it settled', () => {
    const to = incoming();
    offer(to, 0);
    to.close(EPOCH);
    expect(offer(to, 1, { stream: 2 })).toBe('gap 0');
    expect(offer(to, 0, { stream: 2 })).toBe('take');
  });

  it('ends the earlier one: late messages and outcomes of that are nothing', () => {
    const to = incoming();
    offer(to, 0);
    offer(to, 0, { stream: 2 });
    expect(offer(to, 1, { stream: 1 })).toBe('ignore');
    to.drop(1, 0);
    expect(to.settle(1, 0)).toBe(false);
    expect(to.settle(2, 0)).toBe(true);
  });
});
