/**
 * Without this the quick machine might leave out, add or reorder an action where charts are nested deeper than the account's
 * is, or take a chart that it does not understand. That it does the account's chart as XState does: account-machine.test.ts.
 */
import { describe, expect, it } from 'vitest';
import { assign, createActor, createMachine, raise, setup, stateIn } from 'xstate';
import type { AnyStateMachine } from 'xstate';
import { quickMachine } from '../../../src/machines/quick-machine.ts';
import { fc } from '../../support/properties.ts';

type Letter = 'a' | 'b' | 'c' | 'd' | 'e' | 'z';
interface Remembered {
  readonly count: number;
  readonly log: string[];
}

const log =
  (name: string) =>
  ({ context, event }: { context: Remembered; event: { type: string } }) => {
    context.log.push(`${name} ${event.type} ${context.count}`);
  };

/** For the compiler only. */
const types = {} as { context: Remembered; events: { readonly type: Letter } };

/** Three levels, entries and exits at each, ways in from outside, up, down and across, steps without an event, an end. */
const deepChart = setup({
  types,
  guards: {
    isEven: ({ context }) => context.count % 2 === 0,
    isThird: ({ context }) => context.count % 3 === 0,
  },
  actions: {
    count: assign(({ context }) => ({ count: context.count + 1 })),
    double: assign({ count: ({ context }) => context.count * 2 }),
    act: log('act'),
  },
}).createMachine({
  id: 'deep',
  context: () => ({ count: 0, log: [] }),
  initial: 'one',
  entry: 'act',
  on: {
    e: { actions: ['count', 'act'] },
    z: { guard: 'isThird', target: '.end' },
    c: { target: '.one.two' },
  },
  states: {
    one: {
      tags: 'first',
      entry: [log('in1'), 'count'],
      exit: log('out1'),
      initial: 'three',
      on: { a: '#six', d: {} },
      states: {
        two: {
          entry: log('in2'),
          exit: [log('out2'), 'double'],
          initial: 'four',
          on: { b: { target: 'three', actions: 'act' } },
          states: {
            four: {
              entry: log('in4'),
              exit: log('out4'),
              on: { a: { guard: 'isEven', target: 'five' }, d: '#deep.one' },
            },
            five: {
              tags: 'deep',
              entry: log('in5'),
              exit: log('out5'),
              always: { guard: 'isThird', target: '#six' },
            },
          },
        },
        three: {
          entry: log('in3'),
          exit: log('out3'),
          on: { b: [{ guard: 'isThird', target: 'two' }, { actions: 'count' }] },
        },
      },
    },
    six: {
      id: 'six',
      entry: [({ context }) => void context.log.push('inline'), log('in6')],
      exit: log('out6'),
      on: { b: 'one', c: { target: '#deep.one.two.five', actions: ['count', 'act'] } },
    },
    end: { type: 'final', entry: 'act' },
  },
});

function story(machine: typeof deepChart, letters: readonly Letter[]): unknown {
  const actor = createActor(machine).start();
  return letters.flatMap((type) => {
    if (actor.getSnapshot().status !== 'active') return [];
    actor.send({ type });
    const { value, status, tags, context, _nodes } = actor.getSnapshot();
    const nodes = _nodes.map(({ id }) => id);
    return [{ type, value, status, tags, nodes, count: context.count, log: [...context.log] }];
  });
}

describe('the quick machine', () => {
  it('does what XState does, in the same order', () => {
    const letters = fc.array(fc.constantFrom<Letter>('a', 'b', 'c', 'd', 'e', 'z'), { maxLength: 30 });
    fc.assert(
      fc.property(letters, (path) => {
        expect(story(quickMachine(deepChart), path)).toEqual(story(deepChart, path));
      }),
      { numRuns: 500 },
    );
  });

  it('begins as XState does: assignments at once, effects when the actor is started', () => {
    const told = [deepChart, quickMachine(deepChart)].map((machine) => {
      const actor = createActor(machine);
      const before = [...actor.getSnapshot().context.log];
      const { value, tags, context, status, children } = actor.start().getSnapshot();
      return { before, value, tags, context, status, children };
    });
    expect(told[1]).toEqual(told[0]);
    expect(told[0]).toMatchObject({
      before: [],
      context: { count: 1, log: ['act xstate.init 0', 'in1 xstate.init 0', 'in3 xstate.init 1'] },
    });
  });

  it('a beginning that throws ends the actor, as XState does', () => {
    const charts = [
      createMachine({
        context: () => {
          throw new Error('no context');
        },
        initial: 'x',
        states: { x: {} },
      }),
      createMachine({
        initial: 'x',
        entry: assign(() => {
          throw new Error('no assignment');
        }),
        states: { x: {} },
      }),
      createMachine({
        initial: 'x',
        entry: () => {
          throw new Error('no effect');
        },
        states: { x: {} },
      }),
    ];
    for (const chart of charts) {
      const ends = [chart, quickMachine(chart)].map((machine) => {
        const thrown: unknown[] = [];
        const actor = createActor(machine);
        actor.subscribe({ error: (error) => thrown.push(String(error)) });
        actor.start();
        return [actor.getSnapshot().status, ...thrown];
      });
      expect(ends[1]).toEqual(ends[0]);
      expect(ends[0]).toEqual(['error', expect.stringContaining('no ')]);
    }
  });

  it('leaves a chart that goes on by itself at its beginning to XState', () => {
    const chart = createMachine({ initial: 'x', states: { x: { always: 'y' }, y: { on: { go: 'x' } } } });
    expect(createActor(quickMachine(chart)).start().getSnapshot().value).toBe('y');
  });

  it('keeps the very snapshot where nothing happens', () => {
    const actor = createActor(quickMachine(deepChart)).start();
    const before = actor.getSnapshot();
    actor.send({ type: 'd' });
    expect(actor.getSnapshot()).toBe(before);
  });

  it('ends with the error of an action that throws, as XState does', () => {
    const errors = [deepChart, quickMachine(deepChart)].map((machine) => {
      const thrown: unknown[] = [];
      const actor = createActor(machine);
      actor.subscribe({ error: (error) => thrown.push(String(error)) });
      actor.start();
      // Its log cannot be written to any more.
      Object.freeze(actor.getSnapshot().context.log);
      actor.send({ type: 'e' });
      return [actor.getSnapshot().status, ...thrown];
    });
    expect(errors[1]).toEqual(errors[0]);
    expect(errors[1]).toEqual(['error', expect.stringContaining('not extensible')]);
  });

  it('stops a chart that goes round in circles', () => {
    const round = createMachine({
      options: { maxIterations: 50 },
      initial: 'rest',
      states: { rest: { on: { go: 'a' } }, a: { always: 'b' }, b: { always: 'a' } },
    });
    const actor = createActor(quickMachine(round));
    const thrown: unknown[] = [];
    actor.subscribe({ error: (error) => thrown.push(error) });
    actor.start();
    actor.send({ type: 'go' });
    expect(String(thrown[0])).toContain('more than 50 steps');
  });
});

describe('a chart that it does not know', () => {
  const states = { x: { on: { go: 'y' } }, y: {} };
  const charts: Record<string, () => AnyStateMachine> = {
    'parallel states': () => createMachine({ type: 'parallel', states: { x: {}, y: {} } }),
    'a history state': () => createMachine({ initial: 'x', states: { ...states, h: { type: 'history' } } }),
    'an invoked actor': () => createMachine({ initial: 'x', invoke: { src: 'other' }, states }),
    'a wildcard': () => createMachine({ initial: 'x', on: { '*': '.y' }, states }),
    'a delayed transition': () =>
      createMachine({ initial: 'x', states: { x: { after: { 10: 'y' } }, y: {} } }),
    'an action that sends': () =>
      createMachine({
        initial: 'x',
        entry: raise({ type: 'go' }),
        states: { x: { on: { go: { actions: raise({ type: 'go' }) } } } },
      }),
    'a guard of its own': () =>
      createMachine({
        initial: 'x',
        states: { x: { on: { go: { guard: stateIn('x'), target: 'y' } } }, y: {} },
      }),
    'an action without a meaning': () =>
      createMachine({ initial: 'x', states: { x: { on: { go: { actions: 'unheard' } } } } }),
    'a state entered again': () =>
      createMachine({ initial: 'x', states: { x: { on: { go: { target: 'x', reenter: true } } } } }),
  };

  it.each(Object.keys(charts))('is refused: %s', (name) => {
    expect(() => quickMachine(charts[name]!())).toThrow();
  });
});
