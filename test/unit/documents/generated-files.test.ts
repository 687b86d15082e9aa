/** Without this: what is written down for others (schemas, settings) is not what the processor does. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { parse } from 'dotenv';
import { expect, it } from 'vitest';
import { generatedFiles } from '../../../scripts/documents/generated-files.ts';
import { HTTP_TLS_VARIABLES } from '../../../src/config/http-tls.ts';
import { SETTING_SECTIONS } from '../../../src/config/meanings.ts';
import { TLS_VARIABLES } from '../../../src/config/tls-settings.ts';
import { TRACING_SCHEMA } from '../../../src/config/tracing-settings.ts';
import { FEATURES, loadConfig, VARIABLES } from '../../../src/config.ts';

const fileOf = (name: string): URL => new URL(`../../../${name}`, import.meta.url);

it.each([...generatedFiles()])('%s is what `npm run contract` makes', (path, text) => {
  expect(existsSync(fileOf(path))).toBe(true);
  expect(readFileSync(fileOf(path), 'utf8')).toBe(text);
});

it('nothing else is in contract/', () => {
  const made = [...generatedFiles().keys()].filter((path) => path.startsWith('contract/'));
  expect(readdirSync(fileOf('contract')).map((name) => `contract/${name}`)).toEqual(made.toSorted());
});

it('every variable that is read is explained, once, and no other', () => {
  const source = ['src/config.ts', 'src/config/server-urls.ts']
    .map((file) => readFileSync(fileOf(file), 'utf8'))
    .join('\n');
  const parts = [...source.matchAll(/(?:env\[|portOf\()'([A-Z_]+)'[\])]/g)].map(([, name = '']) => name);
  const settings = [...Object.values(VARIABLES), ...Object.keys(TRACING_SCHEMA.shape)];
  const read = new Set([...settings, ...parts, ...TLS_VARIABLES, ...HTTP_TLS_VARIABLES]);
  const explained = SETTING_SECTIONS.flatMap(({ settings }) => Object.keys(settings));
  expect(explained.toSorted()).toEqual([...read].toSorted());
});

it('docs/OPERATING.md lists what can be switched off', () => {
  expect(readFileSync(fileOf('docs/OPERATING.md'), 'utf8')).toContain(`\`FEATURES=${FEATURES.join(',')}\``);
});

it('.env.example with everything in it set changes nothing', () => {
  const example = readFileSync(fileOf('.env.example'), 'utf8').replaceAll(/^#(?=[A-Z])/gm, '');
  const written = parse(example);
  expect(Object.keys(written)).toEqual(SETTING_SECTIONS.flatMap(({ settings }) => Object.keys(settings)));
  // The examples of what has no default that could be written down.
  const { NODE_ID, HTTP_ADVERTISED_URL, REFUND_AMOUNT, ...defaults } = written;
  expect(loadConfig({ NODE_ID, HTTP_ADVERTISED_URL, REFUND_AMOUNT })).toBeTruthy();
  expect(loadConfig({ ...defaults, NODE_ID: 'same' })).toEqual(loadConfig({ NODE_ID: 'same' }));
  const traced = { FEATURES: 'tracing', NODE_ID: 'same' };
  expect(loadConfig({ ...defaults, ...traced })).toEqual(loadConfig(traced));
});
