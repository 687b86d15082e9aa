/** Without this: a page that comes back misses messages without being told, or a busy account floods its viewers. */
import { expect, it } from 'vitest';
import type { StreamMessage } from '../../../src/contracts/inspection.ts';
import { MessageRing } from '../../../src/infra/inspection/message-ring.ts';
import { SecondRate } from '../../../src/infra/inspection/second-rate.ts';

const message: StreamMessage = { type: 'paygate.live', accountId: 'a', node: 'n' };

it('a ring gives what came after a number, as long as all of it is kept', () => {
  const ring = new MessageRing(3);
  expect(ring.after(0)).toEqual([]);
  expect(ring.after(1)).toBeNull();
  for (let n = 1; n <= 20; n += 1) {
    expect(ring.add(message).n).toBe(n);
    for (let last = 0; last <= n; last += 1) {
      const expected =
        last >= n - 3 ? Array.from({ length: n - last }, (_, index) => last + index + 1) : null;
      expect(ring.after(last)?.map((entry) => entry.n) ?? null).toEqual(expected);
    }
    expect(ring.after(n + 1)).toBeNull();
  }
});

it('so many a second, and the next second as many again', () => {
  const rate = new SecondRate(2);
  expect(rate.take(1_000)).toEqual({ kind: 'granted' });
  expect(rate.take(1_400)).toEqual({ kind: 'granted' });
  expect(rate.take(1_500)).toEqual({ kind: 'over', endsInMs: 500 });
  expect(rate.take(1_999)).toEqual({ kind: 'over', endsInMs: 1 });
  expect(rate.take(2_000)).toEqual({ kind: 'granted' });
  expect(rate.take(2_001)).toEqual({ kind: 'granted' });
  expect(rate.take(2_002).kind).toBe('over');
});

it('a clock that is set back stops nothing', () => {
  const rate = new SecondRate(1);
  rate.take(10_000);
  expect(rate.take(500)).toEqual({ kind: 'granted' });
});
