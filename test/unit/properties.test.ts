/** Without this: a property fails once on a machine far away, and nobody can make it fail again. */
import { expect, it, vi } from 'vitest';

const ANY_SEED = 'seed: (-?\\d+)';

async function failureUnder(seed: string | undefined): Promise<string> {
  vi.resetModules();
  vi.stubEnv('PROPERTY_SEED', seed);
  const { fc } = await import('../support/properties.ts');
  try {
    fc.assert(fc.property(fc.nat(), fc.nat(), (a, b) => a + b < 1_000));
  } catch (error) {
    return String(error);
  } finally {
    fc.resetConfigureGlobal();
    vi.unstubAllEnvs();
  }
  throw new Error('it did not fail');
}

it('a property that fails prints its seed, and fails in the same way under it', async () => {
  const first = await failureUnder(undefined);
  const [, seed] = new RegExp(ANY_SEED).exec(first) ?? [];
  expect(await failureUnder(seed)).toBe(first);
  expect(await failureUnder(undefined)).not.toBe(first);
});
