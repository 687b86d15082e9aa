/**
 * Mistakes that are planted on purpose. Without this file a simulator that cannot fail would pass for a proof.
 */
import { describe, expect, test } from 'vitest';
import { planOf } from '../../../sim/plan-of-seed.ts';
import { BUGS } from '../../../sim/planted-bugs.ts';
import type { Bug } from '../../../sim/planted-bugs.ts';
import { runSeed } from '../../../sim/run-seed.ts';
import { shortestStory } from '../../../sim/shortest.ts';
import { START_MS } from '../../../sim/world.ts';
import type { RunResult } from '../../../sim/world.ts';

/** For what hangs, not for what is slow. */
const TIMEOUT_MS = 600_000;

type BrokenPromise = RunResult['violations'][number]['promise'];

/** Where to look for each bug, how many seeds from there on are enough, and which promise it breaks. */
const FOUND: Readonly<
  Record<Bug, { readonly from: number; readonly within: number; readonly breaks: BrokenPromise }>
> = {
  'ack before commit': { from: 1, within: 1, breaks: 1 },
  'fence dropped': { from: 1, within: 10, breaks: 3 },
  'bump and read in one step': { from: 40, within: 10, breaks: 3 },
  'repeats decided anew': { from: 1, within: 3, breaks: 2 },
  'duplicate inside a batch': { from: 1, within: 5, breaks: 2 },
  'refund cap off by one': { from: 1, within: 5, breaks: 5 },
  'double retry': { from: 1, within: 3, breaks: 1 },
  'forward without numbers': { from: 1, within: 5, breaks: 1 },
  'giving back in reverse': { from: 1, within: 5, breaks: 4 },
  'giving back at the tail': { from: 121, within: 10, breaks: 4 },
  'mailbox forgotten on passivation': { from: 1, within: 10, breaks: 6 },
  'stale cache write': { from: 30, within: 10, breaks: 'cache' },
  'outbox not taken over': { from: 1, within: 5, breaks: 6 },
};

/** The first run that breaks the promise; a bug that is found by chance, as something else, is not found. */
async function firstFailing(bug: Bug): Promise<RunResult | null> {
  const { from, within, breaks } = FOUND[bug];
  for (let seed = from; seed < from + within; seed += 1) {
    const result = await runSeed(seed, bug);
    if (result.violations[0]?.promise === breaks) return result;
  }
  return null;
}

describe('a planted bug', () => {
  test.each(BUGS)('is found: %s', { timeout: TIMEOUT_MS }, async (bug) => {
    const result = await firstFailing(bug);
    expect(result, `not within ${FOUND[bug].within} seeds`).not.toBeNull();
    const sound = await runSeed(result!.seed);
    expect(sound.violations, 'the bug stays where it was planted').toEqual([]);
  });

  test('is told in the shortest story', { timeout: TIMEOUT_MS }, async () => {
    const bug = 'fence dropped';
    const failing = await firstFailing(bug);
    expect(failing).not.toBeNull();
    const plan = planOf(failing!.seed, START_MS);
    const { result, plan: left } = await shortestStory(plan, failing!, bug, 30);
    expect(result.violations[0]?.promise).toBe(3);
    expect(left.steps.length).toBeLessThan(plan.steps.length / 2);
    expect(result.story.join('\n')).toContain('PROMISE  3 is broken');
  });
});
