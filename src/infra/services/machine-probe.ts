import { existsSync, readFileSync } from 'node:fs';
import { execa } from 'execa';
import type { Environment } from '../../config.ts';
import type { MachineProbe } from './choose-road.ts';
import { findPrograms } from './programs.ts';
import { isRoot } from './system-user.ts';

/** The client is often there without an engine; some then wait for a socket for a long time. */
const DOCKER_INFO_LIMIT_MS = 4_000;

async function dockerAnswers(env: Environment): Promise<boolean> {
  for (const args of [['info'], ['compose', 'version']]) {
    const result = await execa('docker', args, {
      env,
      extendEnv: false,
      reject: false,
      timeout: DOCKER_INFO_LIMIT_MS,
      stdin: 'ignore',
    });
    if (result.failed) return false;
  }
  return true;
}

function isDebianLike(): boolean {
  if (!existsSync('/etc/os-release') || !existsSync('/usr/bin/apt-get')) return false;
  return /^(ID|ID_LIKE)=.*\b(debian|ubuntu)\b/m.test(readFileSync('/etc/os-release', 'utf8'));
}

export function probeMachine(env: Environment): MachineProbe {
  return {
    hasPrograms: (kind) => findPrograms(kind, env) !== null,
    dockerAnswers: () => dockerAnswers(env),
    canInstall: () => isRoot() && isDebianLike(),
  };
}
