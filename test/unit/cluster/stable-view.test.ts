/** Without these: one look at the membership that fails, or a cluster that boots, moves shards to and fro. */
import { describe, expect, it } from 'vitest';
import { StableView } from '../../../src/supervisor/cluster/stable-view.ts';

/** Looks a second apart from second 1 on; `-` = unknown. Gives what is said after each look. */
function watch(view: StableView, looks: string, fromMs = 1_000): string[] {
  return looks.split(' ').map((look, index) => {
    const live = new Set(look === '0' ? '' : look);
    view.observe(look === '-' ? { kind: 'unknown' } : { kind: 'known', live }, fromMs + index * 1_000);
    return view.nodes?.join('') ?? '?';
  });
}

const view = (graceMs = 0): StableView => new StableView({ startedAtMs: 0, graceMs, deathHoldMs: 5_000 });

describe('a node', () => {
  it('comes in and goes out when two looks agree', () => {
    expect(watch(view(), 'a a ab ba a b b 0 0')).toEqual(['?', 'a', 'a', 'ab', 'ab', 'ab', 'b', 'b', '']);
  });

  it('is not moved by looks that failed, nor by one that comes between', () => {
    expect(watch(view(), 'ab ab - - a - a')).toEqual(['?', 'ab', 'ab', 'ab', 'ab', 'ab', 'a']);
  });

  it('does not come in by being seen every other time', () => {
    expect(watch(view(), 'a a ab a ab a')).toEqual(['?', 'a', 'a', 'a', 'a', 'a']);
  });

  it('goes out at once when it is proved dead, and its record does not bring it back', () => {
    const made = view();
    watch(made, 'ab ab');
    made.proveDead('b', 2_500);
    expect(made.nodes).toEqual(['a']);
    expect(watch(made, 'ab ab ab ab', 3_000)).toEqual(['a', 'a', 'a', 'a']);
  });

  it('comes back when it is still seen after the proof has had its time', () => {
    const made = view();
    watch(made, 'ab ab');
    made.proveDead('b', 2_500);
    expect(watch(made, 'ab ab', 7_500)).toEqual(['a', 'ab']);
  });
});

describe('at the start', () => {
  it('nothing is said before the grace period is over', () => {
    expect(watch(view(4_000), 'a ab ab abc abc')).toEqual(['?', '?', '?', 'ab', 'abc']);
  });

  it('nothing is said as long as nothing is known', () => {
    expect(watch(view(2_000), '- - - a - a')).toEqual(['?', '?', '?', '?', '?', 'a']);
  });
});
