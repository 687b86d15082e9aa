import { chownSync, writeFileSync } from 'node:fs';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import getPort from 'get-port';
import type { Recipe } from './private-server.ts';
import type { Programs } from './programs.ts';
import { serverAnswers } from './server-answers.ts';
import { makeDirectoryFor, serverUser } from './system-user.ts';

const LOOPBACK = '127.0.0.1';
/** One per test that wants a database to itself; an unused one costs a few hundred bytes. */
const DATABASES = 4_096;

/** A Redis of its own in `directory`, durable to the second and never evicting: retry jobs live in it. */
export async function prepareRedis(programs: Programs<'redis'>, directory: string): Promise<Recipe> {
  const user = serverUser(['redis', 'nobody']);
  makeDirectoryFor(user, directory);
  const password = randomBytes(12).toString('hex');
  const port = await getPort({ host: LOOPBACK });
  const url = `redis://:${password}@${LOOPBACK}:${port}`;
  // In a file, not in the arguments, which every user can read.
  const settings = [
    `bind ${LOOPBACK}`,
    `port ${port}`,
    `requirepass ${password}`,
    `dir ${directory}`,
    `databases ${DATABASES}`,
    'appendonly yes',
    'appendfsync everysec',
    'maxmemory-policy noeviction',
    'save ""',
    'daemonize no',
  ];
  const settingsFile = join(directory, 'redis.conf');
  writeFileSync(settingsFile, `${settings.join('\n')}\n`, { mode: 0o600 });
  if (user !== null) chownSync(settingsFile, user.uid, user.gid);
  return {
    kind: 'redis',
    url,
    stopSignal: 'SIGTERM',
    steps: [
      {
        launch: {
          program: programs['redis-server'],
          args: [settingsFile],
          cwd: directory,
          env: { LC_ALL: 'C' },
          user,
          logFile: join(directory, 'redis.log'),
          endSignal: 'SIGKILL',
        },
        probe: () => serverAnswers.redis(url),
      },
    ],
  };
}
