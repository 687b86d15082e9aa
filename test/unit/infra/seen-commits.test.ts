/**
 * Without this: `paygate shadow` misses what the old processor wrote under savepoints, tells something twice, or remembers commits for ever.
 */
import { expect, it } from 'vitest';
import { SeenCommits } from '../../../src/infra/postgres/seen-commits.ts';

it('remembers what was seen beyond what is under way, and no longer than that', () => {
  const first = SeenCommits.none.after('100:110:100', [90, 105, 107]);
  expect(first).toMatchObject({ snapshot: '100:110:100', floor: 100, commits: new Set([105, 107]) });
  const second = first.after('100:120:100', [112]);
  expect(second).toMatchObject({ floor: 100, commits: new Set([105, 107, 112]), hasForgotten: false });
  expect(second.after('112:130:112', [100, 101])).toMatchObject({ floor: 112, commits: new Set([112]) });
});

it('forgets the lowest beyond its bound, and says so until what was under way has ended', () => {
  const many = SeenCommits.none.after('100:110:100', [107, 101, 105, 103], 2);
  expect(many).toMatchObject({ floor: 105, commits: new Set([105, 107]), hasForgotten: true });
  expect(many.after('100:111:100', [104], 2)).toMatchObject({
    floor: 105,
    commits: new Set([105, 107]),
    hasForgotten: true,
  });
  expect(many.after('106:112:', [111], 2)).toMatchObject({
    floor: 106,
    commits: new Set([107, 111]),
    hasForgotten: false,
  });
});
