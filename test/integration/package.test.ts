/**
 * Without this: a package that lacks a file, cannot be imported or compiled against, has tests in it, or does not do what the README
 * says when it is installed somewhere else.
 */
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { chmodSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DOC_BLOCKS, linesOf } from '../support/doc-examples.ts';
import { linksOf } from '../support/doc-links.ts';
import type { DocLink } from '../support/doc-links.ts';
import { eventually } from '../support/eventually.ts';
import { copySources } from '../support/source-tree.ts';
import { Terminal } from '../support/terminal.ts';
import type { LineResult } from '../support/terminal.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
/** Programs that are not there are not fetched from a registry. */
const ENV = {
  PATH: process.env['PATH'] ?? '',
  HOME: process.env['HOME'] ?? '/tmp',
  NO_COLOR: '1',
  npm_config_yes: 'false',
  npm_config_update_notifier: 'false',
};
const PACKED_BYTES_MAX = 3_000_000;
/** At the head of the pages that go into the code. */
const ONLY_IN_A_CLONE = 'Links to code, tests and measurements lead into a clone';
const isNoCode = ({ path }: DocLink): boolean => !/^\.\.\/(src|test|model|bench\/results)\//.test(path);

const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
  readonly version: string;
};

let directory: string;
let tarball: string;
/** Where somebody installed it. */
let place: string;

async function run(command: string, args: readonly string[], cwd: string): Promise<string> {
  const { all } = await execa(command, args, { cwd, all: true, stdin: 'ignore' });
  return all;
}

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'paygate-package-'));
  chmodSync(directory, 0o755);
  const tree = join(directory, 'tree');
  copySources(tree);
  await run('npm', ['pack', '--silent', '--pack-destination', directory], tree);
  tarball = join(directory, `paygate-processor-${version}.tgz`);
  place = join(directory, 'elsewhere');
  mkdirSync(place);
  writeFileSync(join(place, 'package.json'), '{ "private": true, "type": "module" }');
  const quietly = ['--prefer-offline', '--no-audit', '--no-fund', '--ignore-scripts'];
  await run('npm', ['install', ...quietly, tarball], place);
});

afterAll(() => rmSync(directory, { recursive: true, force: true }));

const filesIn = (folder: string): readonly string[] =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1));

describe('what is in it', () => {
  it('types, source maps with the sources, licence and notices; no tests', () => {
    const installed = join(place, 'node_modules/paygate-processor');
    const files = filesIn(installed);
    const code = files.filter(
      (name) => /^dist\/.*\.js$/.test(name) && !name.startsWith('dist/console/assets/'),
    );
    expect(code.length).toBeGreaterThan(200);
    for (const name of code) {
      expect(files, name).toContain(name.replace(/\.js$/, '.d.ts'));
      expect(files, name).toContain(`${name}.map`);
    }
    const map = JSON.parse(readFileSync(join(installed, 'dist/node.js.map'), 'utf8')) as {
      sourcesContent?: string[];
    };
    expect(map.sourcesContent?.[0]).toContain('startNode');
    expect(
      files.filter((name) =>
        /(^|\/)(test|bench|src)\/|\.test\.|(^|\/)\.(?!env\.example$)|tsbuildinfo/.test(name),
      ),
    ).toEqual([]);
    for (const name of [
      ...['LICENSE', 'NOTICE', 'README.md', 'CHANGELOG.md'],
      ...['migrations/0001_tables.sql', 'ops/alerts.yml', 'contract/asyncapi.json'],
    ])
      expect(existsSync(join(installed, name)), name).toBe(true);
    const bytes = statSync(tarball).size;
    process.stdout.write(
      `the package is ${(bytes / 1e6).toFixed(2)} MB packed, ${String(files.length)} files\n`,
    );
    expect(bytes).toBeLessThan(PACKED_BYTES_MAX);
  });

  it('whatever its pages show or link to, but for code and tests where the page says that they are not in it', () => {
    const installed = join(place, 'node_modules/paygate-processor');
    const pages = filesIn(installed).filter((name) => name.endsWith('.md'));
    expect(pages).toContain('docs/COMMANDS.md');
    for (const page of pages) {
      const text = readFileSync(join(installed, page), 'utf8');
      const dead = linksOf(text).filter(({ path }) => !existsSync(join(installed, dirname(page), path)));
      expect(text.includes(ONLY_IN_A_CLONE) ? dead.filter(isNoCode) : dead, page).toEqual([]);
    }
  });
});

describe('its exports', () => {
  const evaluate = async (code: string): Promise<string> =>
    run(process.execPath, ['--input-type=module', '--eval', code], place);

  it('are the client, the contract and nothing inside', async () => {
    const names = await evaluate(
      `import * as client from 'paygate-processor/client'; console.log(Object.keys(client).sort().join(' '));`,
    );
    expect(names.split(' ')).toEqual(expect.arrayContaining(['connectProducer', 'consumeEvents']));
    const schema = await evaluate(
      `import schema from 'paygate-processor/contract/events.schema.json' with { type: 'json' }; console.log(schema.$schema);`,
    );
    expect(schema).toContain('json-schema.org');
    await expect(evaluate(`import 'paygate-processor/dist/node.js'`)).rejects.toThrow(
      'ERR_PACKAGE_PATH_NOT_EXPORTED',
    );
    await expect(evaluate(`import 'paygate-processor'`)).rejects.toThrow('ERR_PACKAGE_PATH_NOT_EXPORTED');
  });

  it('every TypeScript example of the documentation compiles against them, and what is wrong does not', async () => {
    const examples = DOC_BLOCKS.filter(({ language }) => language === 'ts');
    expect(examples.length).toBeGreaterThan(0);
    examples.forEach(({ text }, n) => writeFileSync(join(place, `example-${String(n)}.ts`), text));
    writeFileSync(
      join(place, 'wrong.ts'),
      `import { connectProducer } from 'paygate-processor/client';\nawait connectProducer({ address: 'amqp://x' });\n`,
    );
    const strictly = ['--noEmit', '--strict', '--module', 'nodenext', '--target', 'es2023'];
    const ours = join(ROOT, 'node_modules');
    const compile = (files: readonly string[]) =>
      execa(
        join(ours, '.bin/tsc'),
        [...strictly, '--types', 'node', '--typeRoots', join(ours, '@types'), ...files],
        { cwd: place, reject: false },
      );
    const right = await compile(examples.map((_, n) => `example-${String(n)}.ts`));
    expect(right.stdout).toBe('');
    const wrong = await compile(['wrong.ts']);
    expect(wrong.stdout.split('\n').filter((line) => line.includes('error'))).toEqual([
      expect.stringMatching(/^wrong\.ts.*address/),
    ]);
  });
});

it('shows the demonstration where there is no clone', async () => {
  const { exitCode, all } = await execa('npx', ['paygate', 'demo', '--transactions', '500', '--nodes', '1'], {
    ...{ cwd: place, env: ENV, extendEnv: false, reject: false, all: true, stdin: 'ignore' },
  });
  expect(exitCode, all).toBe(0);
  expect(all).toContain('Every transaction was decided exactly once.');
}, 300_000);

interface Step {
  /** In the line of the README. */
  readonly of: string;
  /** What its output has to say in the end. What only reads is asked again until it does. */
  readonly says: RegExp;
  /** Name for the first group, where a later line has `<name>`. */
  readonly tells?: string;
}

/** Lines that are not named here only have to end with 0. */
const STEPS: readonly Step[] = [
  { of: 'migrate', says: /History taken over: 0 approved/ },
  { of: 'three nodes share', says: /node-1 (.|\n)*node-2 (.|\n)*node-3 (.|\n)*256 of 256 owned/ },
  { of: 'two nodes share', says: /node-1 (.|\n)*node-3 (.|\n)*256 of 256 owned/ },
  { of: 'grep account drive.log', says: /One of its accounts: (\S+)/, tells: 'account id' },
  { of: 'paygate account', says: /decisions +[1-9]/ },
  { of: 'paygate console', says: /(http:\/\/127\.0\.0\.1:\d+\/console)/ },
  { of: 'dead-letters list', says: /there is no account (\S+)/, tells: 'missing account' },
  { of: 'dead-letters replay', says: /approved/ },
  { of: 'paygate verify', says: /The ledger is right/ },
];
const ONLY_READS = /paygate (cluster|account|console|dead-letters list)|^grep /;

describe("the README's walk", () => {
  const lines = DOC_BLOCKS.filter(
    ({ page, heading }) => page === 'README.md' && heading === 'A walk through it',
  ).flatMap(linesOf);
  const learnt = new Map<string, string>();
  let terminal: Terminal | null = null;

  afterAll(async () => {
    try {
      await terminal?.close();
    } finally {
      await execa('npx', ['paygate', 'services', 'down'], { cwd: place, env: ENV, extendEnv: false });
    }
  });

  const filled = (line: string): string =>
    line.replaceAll(/<([a-z ]+)>/g, (_, name: string) => {
      const value = learnt.get(name);
      if (value === undefined) throw new Error(`no line before says which ${name}: ${line}`);
      return value;
    });

  function check(line: string, { exitCode, output }: LineResult): void {
    expect(exitCode, `${line}\n${output}`).toBe(0);
    for (const { says, tells } of STEPS.filter((step) => line.includes(step.of))) {
      const match = says.exec(output);
      expect(match, `${line} does not say ${says.source}:\n${output}`).not.toBeNull();
      if (tells !== undefined) learnt.set(tells, match?.[1] ?? '');
    }
    const letter = /^(\d+) .*there is no account/m.exec(output)?.[1];
    if (letter !== undefined) learnt.set('letter', letter);
  }

  /** The page that it tells of is there. */
  const watched = async (page: string): Promise<void> => {
    expect((await fetch(page)).status).toBe(200);
  };

  it('goes as it is written there, to the last line', async () => {
    const shell = new Terminal(place, ENV);
    terminal = shell;
    expect(lines.length).toBeGreaterThan(15);
    for (const step of STEPS)
      expect(
        lines.filter((line) => line.includes(step.of)),
        step.of,
      ).toHaveLength(1);
    for (const written of lines) {
      const line = filled(written);
      if (line.includes('paygate inspect'))
        await shell.interrupted(line, /Open (http:\/\/127\.0\.0\.1:\d+\/)/, watched);
      else if (ONLY_READS.test(line)) await eventually(async () => check(line, await shell.run(line)));
      else check(line, await shell.run(line));
    }
  }, 600_000);
});
