/** Without this: a package comes in that nobody has asked for, or under a licence that nobody has read. */
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

const textOf = (name: string): string => readFileSync(new URL(`../../../${name}`, import.meta.url), 'utf8');

interface Package {
  readonly license?: string;
  readonly dev?: boolean;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
}

const packageJson = JSON.parse(textOf('package.json')) as Package;
const page = textOf('docs/DEPENDENCIES.md');

/** Rows of a section's table. */
function rowsOf(title: string): readonly (readonly string[])[] {
  const [, section = ''] = page.split(`\n## ${title}\n`);
  const [text = ''] = section.split('\n## ');
  return [...text.matchAll(/^\| `([^`]+)` \| (.+?) \| (.+?) \|$/gm)].map(([, ...cells]) => cells);
}

it.each([
  ['At run time', packageJson.dependencies],
  ['For development', packageJson.devDependencies],
])('%s: all of them, no other, each with its reason', (title, wanted = {}) => {
  const rows = rowsOf(title);
  expect(rows.map(([name]) => name)).toEqual(Object.keys(wanted).toSorted());
  for (const [name, , reason = ''] of rows) expect(reason.length, name).toBeGreaterThan(3);
});

it.each([...rowsOf('At run time'), ...rowsOf('For development')])('%s is under %s', (name, licence) => {
  const installed = JSON.parse(textOf(`node_modules/${name}/package.json`)) as Package;
  expect(licence).toBe(installed.license);
});

it('versions are exact', () => {
  for (const [name, version] of Object.entries({
    ...packageJson.dependencies,
    ...packageJson.devDependencies,
  }))
    expect(version, name).toMatch(/^\d+\.\d+\.\d+$/);
});

it('whatever they bring along at run time is under a permissive licence', () => {
  const { packages } = JSON.parse(textOf('package-lock.json')) as {
    readonly packages: Readonly<Record<string, Package>>;
  };
  const permissive = ['MIT', 'ISC', 'Apache-2.0', 'BSD-2-Clause', 'BSD-3-Clause', 'BlueOak-1.0.0', '0BSD'];
  const others = Object.entries(packages).filter(
    ([, { dev, license }]) => dev !== true && !permissive.includes(license ?? ''),
  );
  expect(others).toEqual([]);
});
