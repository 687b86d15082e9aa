/**
 * Without this: a package or an image that lacks a file, needs a development package, writes where it may not, or has tests in it.
 * There is no container engine here: the steps of the Dockerfile (scripts/image.sh) are run by hand, and what they make is run as the
 * container would run it, by somebody who is not root and may write nowhere.
 */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs';
import { readdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import getPort from 'get-port';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { addressOf } from '../support/paygate.ts';
import { eventually, freshRedis, freshVhost, withDatabase } from '../support/services.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
/** What the Dockerfile copies and what package.json packs. dist/ only saves the compiler some work. */
const SOURCES = [
  ...['package.json', 'package-lock.json', '.npmrc', 'LICENSE', 'NOTICE', 'README.md', 'CHANGELOG.md'],
  ...['tsconfig.json', 'tsconfig.build.json', 'docker-compose.yml'],
  ...['scripts', 'migrations', 'ops', 'docs', 'src', 'dist'],
];
/** Whoever runs the container. */
const NOBODY = process.getuid?.() === 0 ? { uid: 10_001, gid: 10_001 } : {};
const BARE = { PATH: process.env['PATH'] ?? '', HOME: '/nonexistent', NO_COLOR: '1' };
const PACKED_BYTES_MAX = 3_000_000;

const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
  readonly version: string;
};

let directory: string;
let tree: string;
let app: string;

async function run(command: string, args: readonly string[], cwd: string): Promise<string> {
  const { all } = await execa(command, args, { cwd, all: true, stdin: 'ignore' });
  return all;
}

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'paygate-shipped-'));
  chmodSync(directory, 0o755);
  [tree, app] = [join(directory, 'tree'), join(directory, 'app')];
  mkdirSync(tree);
  for (const name of SOURCES)
    cpSync(join(ROOT, name), join(tree, name), { recursive: true, preserveTimestamps: true });
  symlinkSync(join(ROOT, 'node_modules'), join(tree, 'node_modules'));
  await run('sh', ['scripts/image.sh', 'packages', app], tree);
  await run('sh', ['scripts/image.sh', 'build', app], tree);
});

afterAll(() => rmSync(directory, { recursive: true, force: true }));

const filesIn = (folder: string): readonly string[] =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1));

/** Node's own permissions: read everything, write nothing, start nothing. */
const READ_ONLY = [
  ...(process.versions.node.startsWith('20.') ? ['--experimental-permission'] : ['--permission']),
  ...['--allow-fs-read=*', '--allow-addons', '--no-warnings'],
];

describe('what is in the image', () => {
  const paygate = (args: readonly string[], env: Readonly<Record<string, string>> = {}) =>
    execa(process.execPath, [...READ_ONLY, join(app, 'dist/cli/main.js'), ...args], {
      ...NOBODY,
      ...{ cwd: app, env: { ...BARE, ...env }, extendEnv: false, reject: false, all: true },
    });

  it('says what it is, from any folder, and has nothing that only compiles or tests', async () => {
    expect(await run(join(app, 'bin/paygate'), ['--version'], '/')).toBe(version);
    const packages = readdirSync(join(app, 'node_modules'));
    for (const name of ['typescript', 'vitest', 'eslint', 'esbuild', 'kubernetes-models'])
      expect(packages).not.toContain(name);
    const files = filesIn(app);
    expect(files.filter((name) => /\.(ts|test\.js|tsbuildinfo)$/.test(name))).toEqual([]);
    for (const name of ['LICENSE', 'NOTICE', 'package.json', 'dist/console/assets/index.html'])
      expect(files).toContain(name);
    const bytes = files.reduce((sum, name) => sum + statSync(join(app, name)).size, 0);
    process.stdout.write(`the image adds ${(bytes / 1e6).toFixed(1)} MB in ${String(files.length)} files\n`);
  });

  it('migrates, works, tells that it is healthy, drains and ends, and writes no file', async () => {
    const [database, vhost, redis] = await Promise.all([
      withDatabase({ migrated: false }),
      freshVhost(),
      freshRedis(),
    ]);
    const port = String(await getPort());
    const env = {
      ...{ DATABASE_URL: database.url, RABBITMQ_URL: vhost.url, REDIS_URL: redis.url },
      ...{
        HTTP_HOST: '0.0.0.0',
        HTTP_PORT: port,
        FEATURES: 'all',
        OTEL_TRACES_EXPORTER: 'none',
        CLUSTER_GRACE_MS: '500',
      },
    };
    let node: ChildProcess | null = null;
    try {
      expect(await paygate(['migrate'], env)).toMatchObject({ exitCode: 0 });
      expect(await paygate(['health'], env)).toMatchObject({ exitCode: 3 });
      node = spawn(process.execPath, [...READ_ONLY, join(app, 'dist/cli/main.js'), 'node'], {
        ...NOBODY,
        ...{ cwd: app, env: { ...BARE, ...env }, stdio: ['ignore', 'ignore', 'inherit', 'ipc'] },
      });
      await addressOf(node);
      await eventually(async () => expect(await paygate(['health'], env)).toMatchObject({ exitCode: 0 }));
      expect((await paygate(['health', '--live'], env)).stdout).toContain('alive');
      const ended = once(node, 'exit');
      node.kill('SIGTERM');
      expect(await ended).toEqual([0, null]);
    } finally {
      node?.kill('SIGKILL');
      await Promise.all([database.drop(), vhost.drop(), redis.drop()]);
    }
  });
});

describe('the package', () => {
  it('is installed from its tarball in an empty folder, and runs', async () => {
    await run('npm', ['pack', '--silent', '--pack-destination', directory], tree);
    const tarball = join(directory, `paygate-processor-${version}.tgz`);
    const place = join(directory, 'elsewhere');
    mkdirSync(place);
    writeFileSync(join(place, 'package.json'), '{ "private": true }');
    await run(
      'npm',
      ['install', '--prefer-offline', '--no-audit', '--no-fund', '--ignore-scripts', tarball],
      place,
    );
    const command = join(place, 'node_modules/.bin/paygate');
    expect(await run(command, ['--version'], place)).toBe(version);
    expect(await run(command, ['--help'], place)).toContain('dead-letters');
    expect(await run(command, ['services', '--help'], place)).toContain('up');
    const database = await withDatabase({ migrated: false });
    const vhost = await freshVhost();
    const env = { ...BARE, DATABASE_URL: database.url, RABBITMQ_URL: vhost.url };
    const { exitCode } = await execa(command, ['migrate'], {
      cwd: place,
      env,
      extendEnv: false,
      reject: false,
    });
    await Promise.all([database.drop(), vhost.drop()]);
    expect(exitCode).toBe(0);

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
      files.filter((name) => /(^|\/)(test|bench|src)\/|\.test\.|(^|\/)\.|tsbuildinfo/.test(name)),
    ).toEqual([]);
    for (const name of [
      'LICENSE',
      'NOTICE',
      'README.md',
      'CHANGELOG.md',
      'migrations/0001_tables.sql',
      'ops/alerts.yml',
    ])
      expect(existsSync(join(installed, name)), name).toBe(true);
    const bytes = statSync(tarball).size;
    process.stdout.write(
      `the package is ${(bytes / 1e6).toFixed(2)} MB packed, ${String(files.length)} files\n`,
    );
    expect(bytes).toBeLessThan(PACKED_BYTES_MAX);
  });
});
