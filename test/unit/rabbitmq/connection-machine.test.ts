/**
 * Without these, a report about a dead connection could tear down the living one, a generation could leak its socket, or a broker that
 * refuses us could be asked in a hot loop.
 */
import { SimulatedClock } from 'xstate';
import { describe, expect, it } from 'vitest';
import { startConnection } from '../../../src/machines/connection-machine.ts';
import { LIMITS } from '../../../src/limits.ts';
import type { ConnectionChart, ConnectionEffects } from '../../../src/ports/connection.ts';
import { eventually } from '../../support/eventually.ts';

const BACKOFF_MS = 100;

interface Attempt {
  readonly generation: number;
  readonly signal: AbortSignal;
  readonly succeed: () => void;
  readonly fail: (reason: Error) => void;
}

interface Scene {
  readonly chart: ConnectionChart;
  readonly clock: SimulatedClock;
  readonly attempts: Attempt[];
  readonly tornDown: number[];
  readonly failures: number[];
}

function scene(): Scene {
  const attempts: Attempt[] = [];
  const tornDown: number[] = [];
  const failures: number[] = [];
  const effects: ConnectionEffects = {
    open: (generation, signal) =>
      new Promise((resolve, reject) => {
        attempts.push({ generation, signal, succeed: resolve, fail: reject });
      }),
    tearDown: (generation) => void tornDown.push(generation),
    failed: (_generation, count) => void failures.push(count),
    cameUp: () => undefined,
    backoffMs: () => BACKOFF_MS,
  };
  const clock = new SimulatedClock();
  return { chart: startConnection(effects, { clock }), clock, attempts, tornDown, failures };
}

async function reaches(chart: ConnectionChart, state: string): Promise<void> {
  await eventually(() => expect(chart.state()).toBe(state));
}

describe('a connection', () => {
  it('comes up, breaks, backs off and comes up as the next generation', async () => {
    const { chart, clock, attempts, tornDown } = scene();
    expect(chart.state()).toBe('connecting');
    attempts[0]!.succeed();
    await reaches(chart, 'up');
    chart.lost(1, new Error('gone'));
    expect(chart.state()).toBe('down');
    expect(tornDown).toEqual([1]);
    clock.increment(BACKOFF_MS);
    expect(chart.state()).toBe('connecting');
    attempts[1]!.succeed();
    await reaches(chart, 'up');
    expect(attempts.map((attempt) => attempt.generation)).toEqual([1, 2]);
  });

  it('takes no notice of what is said about another generation', async () => {
    const { chart, clock, attempts, tornDown } = scene();
    chart.lost(1, new Error('gone while connecting'));
    clock.increment(BACKOFF_MS);
    attempts[1]!.succeed();
    await reaches(chart, 'up');
    chart.lost(1, new Error('late news'));
    chart.blocked(1);
    expect(chart.state()).toBe('up');
    expect(tornDown).toEqual([1]);
  });

  it('that is lost while it is being opened aborts the opening, and its late success changes nothing', async () => {
    const { chart, clock, attempts } = scene();
    chart.lost(1, new Error('gone'));
    expect(attempts[0]!.signal.aborted).toBe(true);
    clock.increment(BACKOFF_MS);
    attempts[0]!.succeed();
    await Promise.resolve();
    expect(chart.state()).toBe('connecting');
  });

  it('shows that publications are blocked', async () => {
    const { chart, attempts } = scene();
    attempts[0]!.succeed();
    await reaches(chart, 'up');
    chart.blocked(1);
    expect(chart.state()).toBe('blocked');
    chart.unblocked(1);
    expect(chart.state()).toBe('up');
  });

  it('counts failures until it was stable', async () => {
    const { chart, clock, attempts, failures } = scene();
    attempts[0]!.fail(new Error('refused'));
    await reaches(chart, 'down');
    clock.increment(BACKOFF_MS);
    attempts[1]!.succeed();
    await reaches(chart, 'up');
    chart.lost(2, new Error('broke at once'));
    clock.increment(BACKOFF_MS);
    attempts[2]!.succeed();
    await reaches(chart, 'up');
    clock.increment(LIMITS.connectionStableMs);
    chart.lost(3, new Error('broke after a while'));
    expect(failures).toEqual([1, 2, 1]);
  });
});

describe('closing', () => {
  it('tears down once, in every state, and ends it', async () => {
    const whileUp = scene();
    whileUp.attempts[0]!.succeed();
    await reaches(whileUp.chart, 'up');
    whileUp.chart.close();
    expect(whileUp.tornDown).toEqual([1]);

    const whileConnecting = scene();
    whileConnecting.chart.close();
    expect(whileConnecting.tornDown).toEqual([1]);
    expect(whileConnecting.attempts[0]!.signal.aborted).toBe(true);

    const whileBackingOff = scene();
    whileBackingOff.chart.lost(1, new Error('gone'));
    whileBackingOff.chart.close();
    expect(whileBackingOff.tornDown).toEqual([1]);
    whileBackingOff.clock.increment(10 * BACKOFF_MS);
    expect(whileBackingOff.attempts).toHaveLength(1);
    expect(whileBackingOff.chart.state()).toBe('down');
  });

  it('is final: nothing said later is heard', async () => {
    const { chart, clock, attempts, tornDown } = scene();
    attempts[0]!.succeed();
    await reaches(chart, 'up');
    chart.close();
    chart.close();
    chart.lost(1, new Error('of course'));
    clock.increment(10 * BACKOFF_MS);
    expect(attempts).toHaveLength(1);
    expect(tornDown).toEqual([1]);
  });
});
