/**
 * Without these, an acknowledgement could cover a message that is not settled (lost for good when the node dies), name a tag
 * twice (the broker closes the channel and delivers everything again), or wait for ever behind one stuck command.
 */
import { describe, expect, it } from 'vitest';
import { Acker } from '../../../src/infra/rabbitmq/acker.ts';
import { LIMITS } from '../../../src/limits.ts';
import { fc } from '../../support/properties.ts';

const WINDOW = 8;

function ackerWith(deliveries: number, windowMax = WINDOW): Acker {
  const acker = new Acker(windowMax);
  for (let tag = 1; tag <= deliveries; tag += 1) acker.delivered(tag, 0);
  return acker;
}

describe('the contiguous prefix', () => {
  it('is acknowledged at once, whatever order it was settled in', () => {
    const acker = ackerWith(5);
    for (const tag of [2, 1, 3]) acker.settle(tag);
    expect(acker.take(1, WINDOW)).toEqual({ upTo: 3, singles: [] });
    expect(acker.unacknowledged).toBe(2);
  });

  it('is not acknowledged past what is open', () => {
    const acker = ackerWith(3);
    acker.settle(2);
    expect(acker.take(1, WINDOW)).toEqual({ upTo: null, singles: [] });
    expect(acker.holdsBack).toBe(true);
  });
});

describe('settling', () => {
  it('twice is refused, also after the acknowledgement', () => {
    const acker = ackerWith(2);
    expect(acker.settle(1)).toBe(true);
    expect(acker.settle(1)).toBe(false);
    acker.take(1, WINDOW);
    expect(acker.settle(1)).toBe(false);
    expect(acker.take(2, WINDOW)).toEqual({ upTo: null, singles: [] });
  });

  it('of a tag that was never delivered is refused', () => {
    expect(ackerWith(2).settle(3)).toBe(false);
    expect(ackerWith(2).settle(0)).toBe(false);
  });
});

describe('a gap', () => {
  it('is left behind when it did not move for its time', () => {
    const acker = ackerWith(4);
    acker.settle(2);
    acker.settle(3);
    expect(acker.take(LIMITS.ackGapMsMax - 1, WINDOW)).toEqual({ upTo: null, singles: [] });
    expect(acker.take(LIMITS.ackGapMsMax, WINDOW)).toEqual({ upTo: null, singles: [2, 3] });
    expect(acker.unacknowledged).toBe(2);
    expect(acker.holdsBack).toBe(false);
  });

  it('is left behind at once when seven eighths of the window wait behind it', () => {
    const acker = ackerWith(8);
    for (const tag of [2, 3, 4, 5, 6, 7]) acker.settle(tag);
    expect(acker.take(1, WINDOW)).toEqual({ upTo: null, singles: [] });
    acker.settle(8);
    expect(acker.take(1, WINDOW)).toEqual({ upTo: null, singles: [2, 3, 4, 5, 6, 7, 8] });
  });

  it('holds nothing back at the end, when there is no window any more', () => {
    const acker = ackerWith(3);
    acker.settle(3);
    expect(acker.take(1, 0)).toEqual({ upTo: null, singles: [3] });
  });

  it('keeps every later acknowledgement single until it closes, then they go together again', () => {
    const acker = ackerWith(3);
    acker.settle(2);
    acker.take(LIMITS.ackGapMsMax, WINDOW);
    acker.settle(3);
    expect(acker.take(60, WINDOW)).toEqual({ upTo: null, singles: [3] });
    acker.settle(1);
    expect(acker.take(61, WINDOW)).toEqual({ upTo: null, singles: [1] });
    acker.delivered(4, 62);
    acker.delivered(5, 62);
    acker.settle(4);
    acker.settle(5);
    expect(acker.take(63, WINDOW)).toEqual({ upTo: 5, singles: [] });
  });

  it('that closes together with a new prefix is covered by it, not named twice', () => {
    const acker = ackerWith(3);
    acker.settle(2);
    acker.take(LIMITS.ackGapMsMax, WINDOW);
    acker.settle(1);
    acker.settle(3);
    expect(acker.take(60, WINDOW)).toEqual({ upTo: 3, singles: [] });
  });

  it('does not count the time in which the prefix moved', () => {
    const acker = ackerWith(4);
    acker.settle(1);
    acker.settle(3);
    expect(acker.take(1000, WINDOW)).toEqual({ upTo: 1, singles: [] });
    const moving = ackerWith(4);
    moving.settle(1);
    moving.take(40, WINDOW);
    moving.settle(3);
    expect(moving.take(80, WINDOW)).toEqual({ upTo: null, singles: [] });
  });
});

describe('any run', () => {
  /** The broker's side: which tags are outstanding, and what an acknowledgement does to them. */
  it('acknowledges every settled tag once, none that is open, and never an unknown one', () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant('deliver' as const), count: fc.integer({ min: 1, max: 6 }) }),
      fc.record({ kind: fc.constant('settle' as const), pick: fc.nat() }),
      fc.record({ kind: fc.constant('take' as const), passMs: fc.integer({ min: 0, max: 60 }) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const acker = new Acker(4);
        const outstanding = new Set<number>();
        const open: number[] = [];
        const settled = new Set<number>();
        let tag = 0;
        let nowMs = 0;
        const acknowledge = (acked: number): void => {
          expect(outstanding.delete(acked)).toBe(true);
          expect(settled.has(acked)).toBe(true);
        };
        const take = (): void => {
          const { upTo, singles } = acker.take(nowMs, 16);
          if (upTo !== null) {
            const covered = [...outstanding].filter((candidate) => candidate <= upTo);
            expect(covered.length).toBeGreaterThan(0);
            for (const acked of covered) acknowledge(acked);
          }
          for (const single of singles) acknowledge(single);
          expect(acker.unacknowledged).toBe(outstanding.size);
        };
        for (const action of steps) {
          if (action.kind === 'deliver') {
            for (let n = 0; n < action.count; n += 1) {
              tag += 1;
              acker.delivered(tag, nowMs);
              outstanding.add(tag);
              open.push(tag);
            }
          } else if (action.kind === 'settle') {
            if (open.length === 0) continue;
            const [picked] = open.splice(action.pick % open.length, 1);
            expect(acker.settle(picked!)).toBe(true);
            settled.add(picked!);
          } else {
            nowMs += action.passMs;
            take();
          }
        }
        nowMs += LIMITS.ackGapMsMax;
        take();
        nowMs += LIMITS.ackGapMsMax;
        take();
        expect(outstanding).toEqual(new Set(open));
      }),
      { numRuns: 500 },
    );
  });
});
