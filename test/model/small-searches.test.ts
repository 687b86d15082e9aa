/**
 * Without this: the model of the ownership protocol rots, or stops finding anything, and `npm run model` is believed all the
 * same. Here the smallest searches are run; the whole of it is `npm run model`.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { PROPERTIES } from '../../model/properties.ts';
import { isAsItShouldBe, readReport, runSearch } from '../../model/run-search.ts';
import { ALL, SMALL } from '../../model/searches.ts';
import { findSpin } from '../../model/spin-programs.ts';

const MODELS = new URL('../../model/', import.meta.url);

function modelText(name: string): string {
  return readFileSync(new URL(name, MODELS), 'utf8');
}

const programs = findSpin(process.env);

describe.skipIf(programs === null)('the smallest searches', () => {
  it.each(SMALL)('$model, planted: $planted.flag', async (search) => {
    const result = await runSearch(search, programs!, new AbortController().signal);
    expect(result, JSON.stringify(result)).toSatisfy(isAsItShouldBe);
    expect(result.states).toBeGreaterThan(10);
  });
});

describe('the list of searches', () => {
  it('has the properties of the models, by the same bits', () => {
    const defined = [...modelText('common.pml').matchAll(/^#define ([A-Z]+) +(\d+)$/gm)]
      .map(([, name = '', bit = '']) => [name.toLowerCase(), Number(bit)] as const)
      .filter(([name]) => name in PROPERTIES);
    const listed = Object.entries(PROPERTIES).map(([name, { bit }]) => [name, bit]);
    expect(Object.fromEntries(defined)).toEqual(Object.fromEntries(listed));
  });

  it('plants every bug that the models know, and knows every bug it plants', () => {
    const known = readdirSync(MODELS)
      .filter((name) => name.endsWith('.pml') && name !== 'common.pml')
      .flatMap((name) => plantable(modelText(name)).map((flag) => `${name}: ${flag}`));
    const planted = ALL.flatMap(({ model, planted: bug }) =>
      bug === null ? [] : `${model}.pml: ${bug.flag}`,
    );
    expect(planted.toSorted()).toEqual(known.toSorted());
  });
});

/** The list at the head of a model. */
function plantable(text: string): readonly string[] {
  const [, list = ''] = /Planted bugs[^:]*: ([^.]+)\./s.exec(text) ?? [];
  return list.match(/\b[A-Z][A-Z_]+\b/g) ?? [];
}

describe('what a search says at its end', () => {
  it('a limit that was reached proves nothing', () => {
    const whole = 'State-vector 372 byte, depth reached 84, errors: 0\n  1150162 states, stored\n';
    expect(readReport(whole)).toEqual({ verdict: 'holds', states: 1_150_162, depth: 84, violation: null });
    expect(readReport(`error: max search depth too small\n${whole}`).verdict).toBe('unfinished');
    expect(readReport('pan: out of memory\n').verdict).toBe('unfinished');
    expect(readReport('').verdict).toBe('unfinished');
  });

  it('a violation is one, whatever else it says', () => {
    const report =
      'pan:1: assertion violated (x) (at depth 26)\nState-vector 372 byte, depth reached 43, errors: 1\n';
    expect(readReport(report)).toMatchObject({
      verdict: 'violated',
      violation: 'assertion violated (x) (at depth 26)',
    });
  });
});
