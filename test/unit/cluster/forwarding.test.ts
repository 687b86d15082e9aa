/**
 * Without these: a lost, doubled or late batch, a hand-off or a crash makes an owner decide a newer command of an
 * account before an older one (a refusal is final), or leaves a command that is never settled.
 */
import { describe, expect, it } from 'vitest';
import type { Offer } from '../../../src/supervisor/cluster/incoming-stream.ts';
import { fc } from '../../support/properties.ts';
import { ACCOUNTS, ForwardingWorld } from './forwarding-world.ts';
import type { Arrival, Parts, Receiver, Sender, Step } from './forwarding-world.ts';

const node = fc.nat({ max: 1 });
const account = fc.nat({ max: ACCOUNTS - 1 });
const fate = fc.constantFrom('deliver' as const, 'deliver' as const, 'lose' as const, 'double' as const);

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant('arrive' as const), account }) },
  {
    weight: 6,
    arbitrary: fc.record({ do: fc.constant('pump' as const), max: fc.integer({ min: 1, max: 3 }) }),
  },
  {
    weight: 10,
    arbitrary: fc.record({ do: fc.constant('carry' as const), index: fc.nat({ max: 3 }), fate }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('work' as const),
      node,
      account,
      count: fc.integer({ min: 1, max: 3 }),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constantFrom('take-over' as const, 'learn' as const, 'learn' as const),
      node,
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constantFrom(
        'hand-off' as const,
        'release' as const,
        'give-back' as const,
        'give-back' as const,
        'crash' as const,
      ),
      node,
    }),
  },
  { weight: 4, arbitrary: fc.constant<Step>({ do: 'look' }) },
  { weight: 1, arbitrary: fc.constant<Step>({ do: 'sender-crash' }) },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.constantFrom(10, 30, 150) }),
  },
);

function keepsItsPromises(parts: Parts): fc.IPropertyWithHooks<[Step[]]> {
  return fc.property(fc.array(step, { minLength: 20, maxLength: 120 }), (steps) => {
    const world = new ForwardingWorld(parts);
    // A beginning in which something happens: an owner that takes, and a sender that knows of it.
    world.run([{ do: 'take-over', node: 0 }, { do: 'learn', node: 0 }, { do: 'look' }]);
    world.run(steps);
    world.heal();
  });
}

function failureOf(parts: Parts): string {
  const details = fc.check(keepsItsPromises(parts), { numRuns: 3_000, seed: 5, endOnFailure: true });
  return details.failed ? String(details.errorInstance) : 'none';
}

const sameButFor = <T extends object>(real: T, changed: Partial<T>): T =>
  new Proxy(real, {
    get(target, key: string & keyof T) {
      const member = changed[key] ?? target[key];
      return typeof member === 'function' ? (member.bind(target) as unknown) : member;
    },
  });

describe('forwarding', () => {
  it('settles everything once and decides each account in order, whatever the network and the owners do', () => {
    fc.assert(keepsItsPromises({}), { numRuns: 1_500 });
  });
});

describe('each safeguard, left out, is missed', () => {
  it('numbers: the owner takes whatever comes', () => {
    const receiver = (real: Receiver): Receiver =>
      sameButFor(real, {
        offer: (position, ownEpoch): Offer =>
          position.epoch === ownEpoch ? { kind: 'take' } : real.offer(position, ownEpoch),
        settle: () => true,
        close: () => null,
        drop: () => undefined,
      });
    expect(failureOf({ receiver })).toContain('was decided before');
  });

  it('the predecessor of the first command of a new stream', () => {
    const receiver = (real: Receiver): Receiver => {
      let stream = 0;
      return sameButFor(real, {
        offer(position, ownEpoch) {
          const first = position.stream > stream;
          stream = Math.max(stream, position.stream);
          return real.offer(first ? { ...position, after: -1 } : position, ownEpoch);
        },
      });
    };
    expect(failureOf({ receiver })).toMatch(/was decided before|was settled undecided/);
  });

  it('a stream that gave something back stays closed', () => {
    const receiver = (real: Receiver): Receiver =>
      sameButFor(real, { close: () => null, drop: (stream, n) => void real.settle(stream, n) });
    expect(failureOf({ receiver })).not.toBe('none');
  });

  it('what is given back goes before everything newer', () => {
    const sender = (real: Sender): Sender => {
      let rest: readonly Arrival[] = [];
      return sameButFor(real, {
        refuse(...args) {
          const news = real.refuse(...args);
          if (!news) return false;
          const [refused, ...others] = real.takeAll();
          if (refused !== undefined) real.add(refused);
          rest = [...rest, ...others];
          return true;
        },
        aim(...args) {
          for (const one of rest) real.add(one);
          rest = [];
          real.aim(...args);
        },
      });
    };
    expect(failureOf({ sender })).toContain('was decided before');
  });

  it('what is sent again begins with the oldest', () => {
    const sender = (real: Sender): Sender => {
      const sent = new Map<number, number>();
      return sameButFor(real, {
        takeDue(...args) {
          const due = real.takeDue(...args);
          const again = due.findIndex(({ stream, n }) => n <= (sent.get(stream) ?? -1));
          for (const { stream, n } of due) sent.set(stream, Math.max(n, sent.get(stream) ?? -1));
          return due.filter((_, index) => index !== again);
        },
      });
    };
    expect(failureOf({ sender })).toContain('never settled');
  });
});
