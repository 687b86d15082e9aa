// Without this, servers from containers could be left running, or be started together with the node of the compose file.
// A stand-in for the `docker` program writes down how it was called; no engine is needed.
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { MachineProbe } from '../../../src/infra/services/choose-road.ts';
import { startServers } from '../../../src/infra/services/index.ts';

const onlyDocker: MachineProbe = {
  hasPrograms: () => false,
  dockerAnswers: () => Promise.resolve(true),
  canInstall: () => false,
};

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'paygate-fake-docker-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

/** Writes its arguments after the compose file's path, one call a line; fails in the sub-commands named. */
function fakeDocker(failing = ''): void {
  const program = join(directory, 'docker');
  writeFileSync(
    program,
    `#!/bin/sh\nshift 5\necho "$@" >> ${directory}/calls\ncase " ${failing} " in *" $1 "*) echo "no $1"; exit 1;; esac\n`,
  );
  chmodSync(program, 0o755);
}

const calls = (): string[] => readFileSync(join(directory, 'calls'), 'utf8').trim().split('\n');
const env = (): Record<string, string> => ({ PATH: `${directory}:/usr/bin:/bin` });

test('brings up the wanted services alone, acts on one of them, and takes all down with their data', async () => {
  fakeDocker();
  const servers = await startServers({ env: env(), probe: onlyDocker });
  expect(new URL(servers.rabbitmq.url)).toMatchObject({ hostname: '127.0.0.1', pathname: '/paygate' });
  expect(servers.redis.pid).toBeNull();
  await servers.redis.restart('killed');
  await servers.postgres.pause();
  await servers.postgres.resume();
  await servers.stop();
  expect(calls()).toEqual([
    'up --detach --wait --no-deps postgres rabbitmq redis',
    'kill redis',
    'up --detach --wait --no-deps redis',
    'pause postgres',
    'unpause postgres',
    'down --volumes --remove-orphans --timeout 5',
  ]);
  expect(existsSync(servers.directory)).toBe(false);
});

test('a start that fails takes down what it had begun', async () => {
  fakeDocker('up');
  await expect(startServers({ env: env(), probe: onlyDocker })).rejects.toThrow(/docker compose up failed/);
  expect(calls().at(-1)).toBe('down --volumes --remove-orphans --timeout 5');
});

test('when even that fails, both failures are told', async () => {
  fakeDocker('up down');
  await expect(startServers({ env: env(), probe: onlyDocker })).rejects.toThrow(/no up[^]*no down/);
});
