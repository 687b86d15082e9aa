import { startServers } from '../../src/infra/services/index.ts';

/** A process that starts a Redis, says where, and waits for its end. For tests that end it the hard way. */
const servers = await startServers({ env: process.env, kinds: ['redis'] });
process.stdout.write(
  `${JSON.stringify({ pid: servers.redis.pid, url: servers.redis.url, directory: servers.directory })}\n`,
);
setInterval(() => undefined, 60_000);
