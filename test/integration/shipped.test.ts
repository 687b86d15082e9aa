/**
 * Without this: an image that lacks a file, needs a development package, writes where it may not, or has tests in it.
 * There is no container engine here: the steps of the Dockerfile (scripts/image.sh) are run by hand, and what they make is run as the
 * container would run it, by somebody who is not root and may write nowhere.
 */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import getPort from 'get-port';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { addressOf } from '../support/paygate.ts';
import { eventually, freshRedis, freshVhost, withDatabase } from '../support/services.ts';
import { copySources } from '../support/source-tree.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
/** Whoever runs the container. */
const NOBODY = process.getuid?.() === 0 ? { uid: 10_001, gid: 10_001 } : {};
const BARE = { PATH: process.env['PATH'] ?? '', HOME: '/nonexistent', NO_COLOR: '1' };

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
  copySources(tree);
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
