import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { execa } from 'execa';
import type { Environment } from '../../config.ts';
import { PACKAGES } from './choose-road.ts';
import type { Progress, ServerKind } from './server-kind.ts';
import { ServerError } from './server-kind.ts';

const APT_LIMIT_MS = 300_000;

/** Debian's own switch: while this file says 101, no package starts its server. */
const POLICY_FILE = '/usr/sbin/policy-rc.d';

async function aptGet(args: readonly string[], env: Environment): Promise<void> {
  const result = await execa('apt-get', args, {
    env: { ...env, DEBIAN_FRONTEND: 'noninteractive' },
    extendEnv: false,
    stdin: 'ignore',
    timeout: APT_LIMIT_MS,
    reject: false,
    all: true,
  });
  if (result.failed)
    throw new ServerError(`apt-get ${args[0] ?? ''} failed:\n${result.all || result.message}`);
}

/**
 * Installs the servers' packages with apt-get, saying first what. The packages' own servers are kept from starting on
 * the default ports meanwhile: whatever runs afterwards was started by us.
 */
export async function installPackages(
  kinds: readonly ServerKind[],
  env: Environment,
  onProgress: Progress,
): Promise<void> {
  await installDebianPackages(
    kinds.map((kind) => PACKAGES[kind]),
    env,
    onProgress,
  );
}

/** The same for packages by name. Throws `ServerError` with what apt-get said. */
export async function installDebianPackages(
  packages: readonly string[],
  env: Environment,
  onProgress: Progress,
): Promise<void> {
  onProgress(`installing with apt-get, as root: ${packages.join(' ')} (and what they depend on)`);
  const policyIsOurs = !existsSync(POLICY_FILE);
  if (policyIsOurs) writeFileSync(POLICY_FILE, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  try {
    await aptGet(['update', '-q'], env);
    await aptGet(['install', '-q', '-y', '--no-install-recommends', ...packages], env);
  } finally {
    if (policyIsOurs) rmSync(POLICY_FILE, { force: true });
  }
}
