/** Without this: a link of the documentation leads nowhere, or to the top of a page instead of what it promises. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { anchorsOf, linksOf } from '../../support/doc-links.ts';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const pages = [
  ...['README.md', 'CHANGELOG.md', 'sim/README.md'],
  ...readdirSync(join(ROOT, 'docs'))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
];
const textOf = (page: string): string => readFileSync(join(ROOT, page), 'utf8');

describe('links', () => {
  it('are found, with their anchors', () => {
    expect(linksOf('[a](b.md#c) ![d](e.png) `[f](g)` [h](#i) [j](https://k.example)')).toEqual([
      { path: 'b.md', anchor: 'c' },
      { path: 'e.png', anchor: '' },
      { path: '', anchor: 'i' },
    ]);
    expect([...anchorsOf("# It's one\n## 2. Two: `three`\n")]).toEqual(['its-one', '2-two-three']);
  });

  it.each(pages)('of %s lead somewhere', (page) => {
    const dead = linksOf(textOf(page)).filter(({ path, anchor }) => {
      const target = path === '' ? page : join(dirname(page), path);
      if (!existsSync(join(ROOT, target))) return true;
      return anchor !== '' && !anchorsOf(textOf(target)).has(anchor);
    });
    expect(dead).toEqual([]);
  });
});
