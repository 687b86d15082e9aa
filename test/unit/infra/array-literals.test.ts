/** Without this: a commit whose array PostgreSQL cannot read, or reads as other fields than were meant, because of a key somebody chose. */
import { describe, expect, it } from 'vitest';
import { plainArray, quoted, record, recordArray } from '../../../src/infra/postgres/array-literals.ts';

describe('arrays', () => {
  it.each([
    ['none', [], '{}'],
    ['one', ['a'], '{a}'],
    ['several', [1n, 2, 'c'], '{1,2,c}'],
  ])('of plain values: %s', (_name, values, text) => {
    expect(plainArray(values)).toBe(text);
  });

  it('of records, whose empty fields are null', () => {
    const one = record([1n, null, true, '2026-11-22T10:40:00.5+05:45']);
    expect(recordArray([])).toBe('{}');
    expect(recordArray([one])).toBe('{"(1,,true,2026-11-22T10:40:00.5+05:45)"}');
    expect(recordArray([one, record([2]), record(['c'])])).toBe(
      '{"(1,,true,2026-11-22T10:40:00.5+05:45)","(2)","(c)"}',
    );
  });

  it('leaves the records as they are: they may be used again', () => {
    const records = ['"(1)"', '"(2)"'];
    expect(recordArray(records)).toBe(recordArray(records));
  });

  it('with free text that both parsers unquote', () => {
    expect(recordArray([record([quoted('a"b\\c,(d) {e}')])])).toBe(String.raw`{"(\"a\"\"b\\\\c,(d) {e}\")"}`);
  });
});
