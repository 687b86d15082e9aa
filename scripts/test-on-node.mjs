// `npm run test:node-24`: tests on the Node of the image, which comes from npm into a temporary folder. The packages in node_modules and
// the build stay those that are there. Arguments go to vitest; without any: the unit and the integration layer.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runChild } from './run-child.mjs';

const fileOf = (name) => fileURLToPath(new URL(`../${name}`, import.meta.url));

/** The image's, so that what is tested is what is shipped. */
function versionOfImage() {
  const version = /^ARG NODE_IMAGE=node:(\d+\.\d+\.\d+)/m.exec(
    readFileSync(fileOf('Dockerfile'), 'utf8'),
  )?.[1];
  if (version === undefined) throw new Error('the Dockerfile names no version of Node');
  return version;
}

/** The package of one platform: its binary needs no install script. */
function fetchNode(folder, version) {
  const platform = process.platform === 'win32' ? 'win' : process.platform;
  const name = `node-${platform}-${process.arch}`;
  const result = spawnSync(
    'npm',
    [
      'install',
      '--prefix',
      folder,
      '--ignore-scripts',
      '--no-audit',
      '--no-fund',
      '--loglevel=error',
      `${name}@${version}`,
    ],
    { cwd: folder, stdio: ['ignore', 'ignore', 'inherit'] },
  );
  if (result.status !== 0) throw new Error(`npm did not install ${name}@${version}`);
  return join(folder, 'node_modules', name, 'bin');
}

// Ctrl-C while npm works ends npm, and then us, by its failure: the folder goes in any case.
process.on('SIGINT', () => undefined);
const folder = mkdtempSync(join(tmpdir(), 'paygate-node-'));
try {
  const version = versionOfImage();
  process.stderr.write(`fetching Node ${version} from npm\n`);
  const bin = fetchNode(folder, version);
  const args = process.argv.slice(2);
  const tests = args.length > 0 ? args : ['--project', 'unit', '--project', 'integration'];
  process.exitCode = await runChild([fileOf('scripts/test.mjs'), ...tests], {
    cwd: fileOf('.'),
    env: { ...process.env, PATH: `${bin}${delimiter}${process.env.PATH ?? ''}` },
    node: join(bin, 'node'),
  });
} finally {
  rmSync(folder, { recursive: true, force: true });
}
