/**
 * Without this: a node that gives up on what would have passed, or waits for ever for what never will; a person who is told
 * the driver's words where more is known.
 */
import { describe, expect, it } from 'vitest';
import {
  meaningOf,
  meaningOfSqlState,
  redisPrefixOf,
  replyCodeOf,
  sqlStateOf,
} from '../../../src/infra/server-errors.ts';

function error(code: string | number | undefined, message = 'x'): Error {
  return Object.assign(new Error(message), code === undefined ? {} : { code });
}

it.each([
  ['22003', 'validation'],
  ['23505', 'validation'],
  ['40001', 'temporary'],
  ['55P03', 'temporary'],
  ['57P01', 'temporary'],
  ['53300', 'temporary'],
  ['08006', 'temporary'],
  ['42P01', 'system'],
  ['28000', 'system'],
  ['XX001', 'system'],
] as const)('SQLSTATE %s is %s', (state, category) =>
  expect(meaningOf(error(state))).toMatchObject({ category }),
);

it('only what the server has rolled back is said to be', () => {
  const states = ['22008', '23514', '40001', '40P01', '55P03', '57014'];
  expect(states.filter((state) => meaningOfSqlState(state).rolledBack === true)).toEqual(states);
  for (const state of ['57P01', '08006', '40003', '53200', 'XX000'])
    expect(meaningOfSqlState(state).rolledBack).toBeUndefined();
});

it.each([
  [320, 'temporary'],
  [405, 'temporary'],
  [506, 'temporary'],
  [311, 'validation'],
  [403, 'system'],
  [406, 'system'],
  [999, 'system'],
] as const)('reply code %i is %s', (code, category) =>
  expect(meaningOf(error(code))).toMatchObject({ category }),
);

it.each([
  ['LOADING Redis is loading the dataset in memory', 'temporary'],
  ["READONLY You can't write against a read only replica.", 'temporary'],
  ['OOM command not allowed', 'temporary'],
  ['NOPERM this user has no permissions', 'system'],
  ['WRONGTYPE Operation against a key', 'system'],
] as const)('"%s" is %s', (message, category) =>
  expect(meaningOf(error(undefined, message))).toMatchObject({ category }),
);

it.each([
  ['ECONNREFUSED', 'temporary'],
  ['EPIPE', 'temporary'],
  ['EAI_AGAIN', 'temporary'],
  ['ENOTFOUND', 'system'],
] as const)('%s is %s', (code, category) => expect(meaningOf(error(code))).toMatchObject({ category }));

describe('codes are taken for what they are', () => {
  it('a code of the network is no SQLSTATE', () => expect(sqlStateOf(error('EPIPE'))).toBeNull());
  it('a SQLSTATE is no reply code', () => expect(replyCodeOf(error('55P03'))).toBeNull());
  it('a word that only begins like one is none', () =>
    expect(redisPrefixOf(new Error('LOADINGS x'))).toBeNull());
  it('an error without a code means nothing', () => expect(meaningOf(new Error('oh'))).toBeNull());
});
