import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import type { Environment } from '../src/config.ts';
import { installDebianPackages } from '../src/infra/services/install-packages.ts';
import { probeMachine } from '../src/infra/services/machine-probe.ts';
import { ServerError } from '../src/infra/services/server-kind.ts';

/** What a search needs: spin writes a program in C, gcc compiles it. */
export interface SpinPrograms {
  readonly spin: string;
  readonly gcc: string;
}

const PACKAGES = { spin: 'spin', gcc: 'gcc' } as const;

/** What gcc needs besides itself. */
const HEADERS = 'libc6-dev';

function find(program: string, env: Environment): string | null {
  const directories = ['/usr/bin', ...(env['PATH'] ?? '').split(delimiter)];
  return directories.map((directory) => join(directory, program)).find((path) => existsSync(path)) ?? null;
}

/** null: at least one of them is not on this machine. */
export function findSpin(env: Environment): SpinPrograms | null {
  const [spin, gcc] = [find('spin', env), find('gcc', env)];
  return spin === null || gcc === null ? null : { spin, gcc };
}

/** Installs Debian's packages where they are missing and may be installed. Throws `ServerError` with what is to be done. */
export async function readySpin(env: Environment, onProgress: (line: string) => void): Promise<SpinPrograms> {
  const present = findSpin(env);
  if (present !== null) return present;
  const packages = [PACKAGES.spin, PACKAGES.gcc, HEADERS];
  if (!probeMachine(env).canInstall())
    throw new ServerError(
      `spin and gcc are needed; on Debian or Ubuntu: sudo apt-get install --no-install-recommends ${packages.join(' ')}`,
    );
  await installDebianPackages(packages, env, onProgress);
  const installed = findSpin(env);
  if (installed === null) throw new ServerError('spin or gcc is still missing after installing it');
  return installed;
}
