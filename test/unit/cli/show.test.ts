/** Without this: a reading that is slow when the demonstration ends starts the next one, and the command never ends. */
import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { NOTHING_BACKSTAGE } from '../../../src/cli/demo/backstage.ts';
import { FigureReader } from '../../../src/cli/demo/figures.ts';
import type { Sight } from '../../../src/cli/demo/screen.ts';
import { Show } from '../../../src/cli/demo/show.ts';
import { FakeClock } from '../../support/fakes/fake-clock.ts';
import { Gate } from '../../support/fakes/gate.ts';

const EVERY_MS = 250;

function world() {
  const clock = new FakeClock();
  const gate = new Gate();
  const seen: (Sight | 'end')[] = [];
  const figures = new FigureReader([], () => Promise.resolve(''));
  const show = new Show({
    figures: {
      read: async () => {
        await gate.pass();
        return figures.read();
      },
    },
    readCached: (_kind, ids) => Promise.resolve(ids.map(() => '125')),
    readBackstage: () => Promise.resolve(NOTHING_BACKSTAGE),
    screen: { show: (sight) => void seen.push(sight), end: () => void seen.push('end') },
    clock,
    accountIds: ['a'],
    transactions: 10,
    signal: new AbortController().signal,
  });
  return { clock, gate, seen, show };
}

describe('the live figures', () => {
  it('are read and shown again and again', async () => {
    const { clock, seen, show } = world();
    show.start();
    for (let reading = 1; reading <= 3; reading += 1) {
      clock.advance(EVERY_MS);
      await turn();
      expect(seen).toHaveLength(reading);
    }
    expect(seen.at(-1)).toMatchObject({
      elapsedMs: 3 * EVERY_MS,
      balances: [{ accountId: 'a', cents: 125n }],
    });
  });

  it('end after the reading that is under way, and leave no timer behind', async () => {
    const { clock, gate, seen, show } = world();
    gate.close();
    show.start();
    clock.advance(EVERY_MS);
    await turn();
    let phase = 'ending';
    const ended = show.end().then(() => (phase = 'ended'));
    await turn();
    expect({ phase, seen }).toEqual({ phase: 'ending', seen: [] });
    gate.open();
    await ended;
    expect(seen.map((sight) => (sight === 'end' ? sight : 'figures'))).toEqual(['figures', 'end']);
    expect(clock.timerCount).toBe(0);
  });

  it('end also when that reading fails', async () => {
    const { clock, gate, seen, show } = world();
    gate.close();
    show.start();
    clock.advance(EVERY_MS);
    await turn();
    const ended = show.end();
    gate.fail(new Error('the connection is closed'));
    await ended;
    expect(seen).toEqual(['end']);
    expect(clock.timerCount).toBe(0);
  });
});
