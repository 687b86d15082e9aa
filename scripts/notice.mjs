// NOTICE: the licences of everything that the package and the image carry of others. `node scripts/notice.mjs` writes it,
// `--check` says whether it is up to date (exit code 1: it is not).
//
// That is what package-lock.json installs without development packages, and what esbuild puts into the console's page.
// The same on every machine: of packages for one operating system alone (optional ones) there is only what the lock says.
import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { consoleBundle } from './console-bundle.mjs';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const LICENCE_FILE = /^(licen[cs]e|copying|notice)([.-].*)?$/i;
const RULE = '='.repeat(100);

const readJson = (name) => JSON.parse(readFileSync(join(ROOT, name), 'utf8'));
const nameOf = (place) => place.slice(place.lastIndexOf('node_modules/') + 'node_modules/'.length);

/** `node_modules/a/b.js` and `node_modules/@a/b/c.js` → the folder of their package. */
function placeOf(input) {
  const start = input.indexOf('node_modules/');
  return start < 0 ? undefined : /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+/.exec(input.slice(start))?.[0];
}

async function bundledPlaces() {
  const { metafile } = await build({ ...consoleBundle, absWorkingDir: ROOT, metafile: true, write: false });
  return new Set(
    Object.keys(metafile.inputs)
      .map(placeOf)
      .filter((place) => place !== undefined),
  );
}

function licenceTexts(place) {
  const directory = join(ROOT, place);
  if (!existsSync(directory)) throw new Error(`${place} is not installed: run npm ci first`);
  return readdirSync(directory)
    .filter((file) => LICENCE_FILE.test(file))
    .sort()
    .map((file) => readFileSync(join(directory, file), 'utf8').replaceAll('\r\n', '\n').trim());
}

function licenceOf(place, { license }) {
  const told = license ?? readJson(`${place}/package.json`).license;
  if (typeof told !== 'string') throw new Error(`${place} does not name its licence`);
  return told;
}

async function carriedPackages() {
  const { packages } = readJson('package-lock.json');
  const bundled = await bundledPlaces();
  const carried = Object.entries(packages).filter(
    ([place, { dev, devOptional }]) =>
      place !== '' && ((dev !== true && devOptional !== true) || bundled.has(place)),
  );
  return carried.map(([place, entry]) => ({
    title: `${nameOf(place)} ${entry.version}`,
    licence: licenceOf(place, entry),
    texts: entry.os === undefined && entry.cpu === undefined ? licenceTexts(place) : [],
  }));
}

/** Each text once, with all packages that come with it. */
function byText(packages) {
  const titles = new Map();
  for (const { title, texts } of packages) {
    for (const text of texts) titles.set(text, [...(titles.get(text) ?? []), title]);
  }
  return [...titles];
}

async function noticeText() {
  const packages = (await carriedPackages()).sort((a, b) => (a.title < b.title ? -1 : 1));
  const titles = [...new Set(packages.map(({ title, licence }) => `${title} (${licence})`))];
  const sections = byText(packages).map(
    ([text, from]) => `${RULE}\n${[...new Set(from)].join(', ')}\n${RULE}\n\n${text}\n`,
  );
  return [
    'PayGate Processor carries software of others. Written by scripts/notice.mjs; its own licence is in LICENSE.\n',
    ...titles.map((title) => `- ${title}`),
    '',
    ...sections,
  ].join('\n');
}

const file = join(ROOT, 'NOTICE');
const text = await noticeText();
if (!process.argv.includes('--check')) writeFileSync(file, text);
else if (!existsSync(file) || readFileSync(file, 'utf8') !== text) {
  process.stderr.write('NOTICE is out of date: run `npm run notice`\n');
  process.exitCode = 1;
}
