/** Without this: a node that does not trace pays for the SDK with its memory and its time to start. */
import { createRequire } from 'node:module';
import { expect, it } from 'vitest';
import { loadConfig } from '../../../src/config.ts';
import { loadTracing } from '../../../src/node/features.ts';
import '../../../src/node.ts';
import { QuietLogger } from '../../support/fakes/quiet.ts';

const node = { nodeId: 'a', incarnation: '1', logger: new QuietLogger() };
const isLoaded = (): boolean =>
  Object.keys(createRequire(import.meta.url).cache).some((path) => path.includes('@opentelemetry/sdk-trace'));

it('loads OpenTelemetry where tracing is on, and nowhere else', async () => {
  expect(await loadTracing(loadConfig({}).tracing, node)).toBeNull();
  expect(
    await loadTracing(loadConfig({ FEATURES: 'all', OTEL_SDK_DISABLED: 'true' }).tracing, node),
  ).toBeNull();
  expect(isLoaded()).toBe(false);
  const tracing = await loadTracing(loadConfig({ FEATURES: 'tracing' }).tracing, node);
  expect(isLoaded()).toBe(true);
  await tracing?.close();
});
