/** Without it a node could not be told to end while it waits for a server, except by killing it. */
import { expect, it } from 'vitest';
import { loadConfig } from '../../src/config.ts';
import { startNode } from '../../src/node.ts';
import { QuietLogger } from '../support/fakes/quiet.ts';
import { eventually } from '../support/services.ts';

const NO_DATABASE = { DATABASE_URL: 'postgres://127.0.0.1:1/none', HTTP_PORT: '0' };

it.each([
  ['before it starts', async () => Promise.resolve()],
  [
    'while PostgreSQL is away',
    async (logger: QuietLogger) => eventually(() => expect(logger.entries.length).toBeGreaterThan(1)),
  ],
])('a signal %s ends the start at once', async (_when, moment) => {
  const stop = new AbortController();
  const logger = new QuietLogger();
  const reasons: string[] = [];
  const started = startNode(loadConfig(NO_DATABASE), {
    logger,
    signal: stop.signal,
    onStopped: (reason) => reasons.push(reason),
  });
  const refused = expect(started).rejects.toThrow('stopped before it served: drained');
  await moment(logger);
  stop.abort();
  await refused;
  expect(reasons).toEqual(['drained']);
  expect(logger.entries.filter(({ level }) => level === 'error')).toEqual([]);
});
