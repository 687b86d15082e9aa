/** Without this: an operator meets a code that nothing explains, or reads advice for one that is gone. */
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { EXIT } from '../../../src/cli/exit-codes.ts';
import { REFUSAL_CODES } from '../../../src/contracts/refusal.ts';
import { DEFERRAL_CODES, EXTERNAL_CODES, FAILURE_CODES, REJECTION_CODES } from '../../../src/domain/codes.ts';
import { CATEGORY_OF_CODE, ERROR_CATEGORIES } from '../../../src/domain/error-category.ts';
import { CLUSTER_PROBLEMS } from '../../../src/infra/postgres/cluster.ts';
import { UNCLEAR_PROBLEMS } from '../../../src/infra/postgres/history.ts';
import { OPENING_REFUSALS } from '../../../src/infra/postgres/opening.ts';
import { PUBLISH_FAILURES } from '../../../src/infra/rabbitmq/publish-error.ts';

const page = readFileSync(new URL('../../../docs/ERRORS.md', import.meta.url), 'utf8');

/** Cells of the table below a heading, without its head. */
function rowsOf(title: string): readonly (readonly string[])[] {
  const [, section = ''] = page.split(`\n## ${title}\n`);
  const [text = ''] = section.split('\n## ');
  return text
    .split('\n')
    .filter((line) => line.startsWith('| '))
    .slice(2)
    .map((line) =>
      line.split(' | ').map((cell) =>
        cell
          .replace(/^\||\|$/g, '')
          .replaceAll('`', '')
          .trim(),
      ),
    );
}

const SECTIONS: Readonly<Record<string, readonly string[]>> = {
  Categories: ERROR_CATEGORIES,
  Rejections: REJECTION_CODES,
  Deferrals: DEFERRAL_CODES,
  Failures: FAILURE_CODES,
  'Unreadable messages': REFUSAL_CODES,
  Webhooks: EXTERNAL_CODES,
  'Exit codes': Object.values(EXIT).map(String),
  'Refusals to start': CLUSTER_PROBLEMS,
  'Refusals of `paygate migrate`': [...OPENING_REFUSALS, ...Object.keys(UNCLEAR_PROBLEMS)],
  Publishing: PUBLISH_FAILURES,
};

it.each(Object.entries(SECTIONS))('%s: every code in its order, and no other', (title, codes) => {
  const rows = rowsOf(title);
  expect(rows.map(([code]) => code)).toEqual(codes);
  for (const [code, meaning] of rows) expect(meaning, code).not.toBe('');
});

it('the page has no other section, and the lists no other code', () => {
  expect([...page.matchAll(/^## (.*)$/gm)].map(([, title]) => title)).toEqual(Object.keys(SECTIONS));
  const listed = [REFUSAL_CODES, REJECTION_CODES, DEFERRAL_CODES, FAILURE_CODES, EXTERNAL_CODES].flat();
  expect(listed.toSorted()).toEqual(Object.keys(CATEGORY_OF_CODE).toSorted());
});

it('failures have the category of the program', () => {
  const said = rowsOf('Failures').map(([code, category]) => [code, category]);
  expect(said).toEqual(FAILURE_CODES.map((code) => [code, CATEGORY_OF_CODE[code]]));
});
