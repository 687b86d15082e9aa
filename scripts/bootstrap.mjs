// Makes a fresh clone ready to run: the right Node, the packages of package-lock.json, an up-to-date build in dist/.
// Plain Node, no packages: it runs before there are any. Quiet when there is nothing to do; else one line a step.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const NODE_MIN = [20, 19];
const ENTRY = 'dist/cli/main.js';
const BUILD_MARK = 'dist/.built-from';

const path = (name) => join(ROOT, name);
const say = (line) => process.stderr.write(`set-up: ${line}\n`);

class SetUpError extends Error {}

function checkNode() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major > NODE_MIN[0] || (major === NODE_MIN[0] && minor >= NODE_MIN[1])) return;
  throw new SetUpError(`Node.js ${NODE_MIN.join('.')} or newer is needed; this is ${process.versions.node}.`);
}

/** Runs a program silently; what it printed is shown only when it fails. */
function step(title, program, args) {
  const startedAt = process.hrtime.bigint();
  const result = spawnSync(program, args, { cwd: ROOT, encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 });
  if (result.error !== undefined) throw new SetUpError(`${title} failed: ${result.error.message}`);
  if (result.status !== 0) throw new SetUpError(`${title} failed:\n${result.stdout}${result.stderr}`);
  const seconds = Number(process.hrtime.bigint() - startedAt) / 1e9;
  say(`${title} (${seconds.toFixed(1)} s)`);
}

/** npm's own record of what is in node_modules; written last, so an interrupted installation has none. */
function installedIsWanted() {
  if (!existsSync(path('node_modules/.package-lock.json'))) return false;
  const wanted = JSON.parse(readFileSync(path('package-lock.json'), 'utf8')).packages;
  const installed = JSON.parse(readFileSync(path('node_modules/.package-lock.json'), 'utf8')).packages;
  return Object.entries(wanted).every(([place, { version, integrity, optional }]) => {
    if (place === '') return true;
    const found = installed[place];
    // Builds for other operating systems are optional, and npm leaves them out.
    if (found === undefined) return optional === true;
    return found.version === version && found.integrity === integrity && existsSync(path(place));
  });
}

function install() {
  if (installedIsWanted()) return;
  const args = ['ci', '--include=dev', '--no-audit', '--no-fund', '--loglevel=error'];
  // Under `npm start` this is the npm that was called; it need not be on PATH.
  const npm = process.env.npm_execpath;
  const title = 'installed the packages of package-lock.json';
  if (npm?.endsWith('npm-cli.js')) step(title, process.execPath, [npm, ...args]);
  else step(title, 'npm', args);
}

function sourceFiles(directory) {
  return readdirSync(path(directory), { withFileTypes: true }).flatMap((entry) => {
    const name = `${directory}/${entry.name}`;
    return entry.isDirectory() ? sourceFiles(name) : [name];
  });
}

function digestOfSources() {
  const hash = createHash('sha256');
  for (const name of [
    'package-lock.json',
    'tsconfig.json',
    'tsconfig.build.json',
    'scripts/build-console.mjs',
    'scripts/console-bundle.mjs',
    ...sourceFiles('src').sort(),
  ]) {
    hash.update(`${name}\0`).update(readFileSync(path(name)));
  }
  return hash.digest('hex');
}

function build() {
  const digest = digestOfSources();
  const isBuilt = existsSync(path(ENTRY)) && existsSync(path(BUILD_MARK));
  if (isBuilt && readFileSync(path(BUILD_MARK), 'utf8') === digest) return;
  // The compiler's own record says that the rest of dist/ is there; without the entry that is not so.
  if (!isBuilt) rmSync(path('dist'), { recursive: true, force: true });
  step('compiled src/ to dist/', process.execPath, [
    path('node_modules/typescript/bin/tsc'),
    '-p',
    'tsconfig.build.json',
  ]);
  step('bundled the console', process.execPath, [path('scripts/build-console.mjs')]);
  chmodSync(path(ENTRY), 0o755);
  mkdirSync(path('dist'), { recursive: true });
  writeFileSync(path(BUILD_MARK), digest);
}

/** Returns false, after saying why, when the clone cannot be made ready. */
export function bootstrap() {
  try {
    checkNode();
    install();
    build();
    return true;
  } catch (error) {
    if (!(error instanceof SetUpError)) throw error;
    say(error.message.trimEnd());
    return false;
  }
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  process.exitCode = bootstrap() ? 0 : 1;
}
