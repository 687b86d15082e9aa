/**
 * The simulator itself. Without this file a simulator that reaches nothing any more, that tells another story each time, or that
 * hides a failure from whoever called it, would look like a cluster that is well.
 */
import { describe, expect, test } from 'vitest';
import { Coverage } from '../../../sim/coverage.ts';
import { readOptions } from '../../../sim/options.ts';
import { runSeed } from '../../../sim/run-seed.ts';
import { simulate } from '../../../sim/simulate.ts';

/** Seeds that every run of the tests goes through: with the planted bugs about a minute of two busy cores. `npm run sim` goes through others. */
const SEEDS = 100;
/** For what hangs, not for what is slow. */
const TIMEOUT_MS = 600_000;

/** Every kind of fault that a plan can have, but for the qualities of links, of which these seeds need not meet each. */
const FAULTS = [
  ...['crash', 'drain', 'freeze', 'flush', 'alarm', 'lock', 'throw', 'clock back', 'clock forward'],
  ...['partition one way', 'partition both ways', 'post lossy', 'post doubling', 'post reordering'],
  ...['postgres restart', 'broker restart', 'redis restart'],
];

const quiet = { update: () => undefined, end: () => undefined };

describe('the simulated cluster', () => {
  test('keeps its promises, and the runs are about something', { timeout: TIMEOUT_MS }, async () => {
    const coverage = new Coverage();
    for (let seed = 1; seed <= SEEDS; seed += 1) {
      const { violations, coverage: hit, decisions } = await runSeed(seed);
      expect(violations, `npm run sim -- --seed ${seed}`).toEqual([]);
      expect(decisions, `seed ${seed}`).toBeGreaterThan(0);
      coverage.add(hit);
    }
    const names = (prefix: string): readonly string[] => coverage.entries(prefix).map(([name]) => name);
    expect(names('fault: ')).toEqual(expect.arrayContaining(FAULTS));
    expect(names('road: ')).toEqual(expect.arrayContaining(['delivery', 'retry', 'sweep']));
    const unvisited = coverage.unvisited();
    expect(unvisited.filter((name) => /^(account|shard): /.test(name))).toEqual([]);
    expect(unvisited.length, unvisited.join('; ')).toBeLessThan(coverage.total / 4);
  });

  test('goes the same way again', async () => {
    const [first, second] = [await runSeed(9), await runSeed(9)];
    expect(first.story.length).toBeGreaterThan(50);
    expect(second.story.join('\n')).toBe(first.story.join('\n'));
    const other = await runSeed(10);
    expect(other.story.join('\n')).not.toBe(first.story.join('\n'));
  });
});

describe('npm run sim', () => {
  async function simulated(args: readonly string[], bug: Parameters<typeof simulate>[2] = null) {
    const lines: string[] = [];
    const options = readOptions(args);
    expect(options).not.toBeNull();
    const { signal } = new AbortController();
    const say = (text: string): void => void lines.push(text);
    const code = await simulate(options!, { say, progress: quiet, signal }, bug);
    return { code, text: lines.join('\n') };
  }

  test('ends with 0, and says what was hit and what was not', async () => {
    const { code, text } = await simulated(['--from', '3', '--seeds', '2']);
    expect(code).toBe(0);
    expect(text).toContain('2 seeds');
    expect(text).toMatch(/never visited: \d+\n {2}\S/);
  });

  test('ends with 1, names the seeds and tells the shortest story of the first', async () => {
    const { code, text } = await simulated(['--from', '1', '--seeds', '2'], 'ack before commit');
    expect(code).toBe(1);
    expect(text).toContain('2 failed');
    expect(text).toContain('seed 2: promise 1');
    expect(text).toMatch(/The shortest story of seed 1 \([1-3] steps/);
    expect(text).toContain('PROMISE  1 is broken');
  });

  test('tells programs the same as JSON', async () => {
    const { code, text } = await simulated(['--seeds', '1', '--json'], 'ack before commit');
    expect(code).toBe(1);
    const told = JSON.parse(text) as { done: number; failed: { seed: number; story: string[] }[] };
    expect(told.done).toBe(1);
    expect(told.failed[0]?.seed).toBe(1);
    expect(told.failed[0]?.story.at(-1)).toContain('PROMISE');
  });

  test('stops between two seeds when it is interrupted', async () => {
    const interruption = new AbortController();
    const progress = { update: () => interruption.abort(), end: () => undefined };
    const lines: string[] = [];
    const options = { from: 1, seeds: 1_000, story: 'kept', format: 'text' } as const;
    const say = (text: string): void => void lines.push(text);
    const code = await simulate(options, { say, progress, signal: interruption.signal });
    expect(code).toBe(130);
    expect(lines.join('\n')).toContain('1 seeds');
  });

  test.each([
    [['--seeds', 'many'], '--seeds must be a whole number'],
    [['--seeds', '0'], '--seeds must be a whole number'],
    [['--seed', '-1'], 'ambiguous'],
    [['--seed', '3', '--from', '4'], 'goes with neither'],
    [['--faster'], 'Unknown option'],
  ])('refuses %j', (args, sentence) => {
    expect(() => readOptions(args)).toThrow(sentence);
  });
});
