/** Without this: an operator meets a check or a difference that docs/SWITCHING.md does not explain. */
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { KNOWN_DIFFERENCES, NOT_COMPARED } from '../../../src/domain/shadow/names.ts';
import { MIGRATE_CHECKS } from '../../../src/infra/postgres/migrate-checks.ts';

const page = readFileSync(new URL('../../../docs/SWITCHING.md', import.meta.url), 'utf8');

/** First cells of the table whose head begins with these words. */
function namesBelow(head: string): readonly string[] {
  const [, text = ''] = page.split(`\n| ${head} |`);
  const [table = ''] = text.split('\n\n');
  return [...table.matchAll(/^\| `([^`]+)` \|/gm)].map(([, name = '']) => name);
}

it.each([
  ['check', MIGRATE_CHECKS],
  ['known difference', Object.keys(KNOWN_DIFFERENCES)],
  ['not compared', Object.keys(NOT_COMPARED)],
])('%s: every name in its order, and no other', (head, names) => {
  expect(namesBelow(head)).toEqual(names);
});
