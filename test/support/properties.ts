import fc from 'fast-check';

/**
 * fast-check, as all tests have it: from here.
 *
 * A property that fails prints its seed; with `PROPERTY_SEED` set to it, the same is drawn again. On a slow machine a property tries less
 * instead of failing, and shrinks less instead of being ended by the test's own limit, which would forget the seed.
 */
const PROPERTY_MS_MAX = 120_000;

const { PROPERTY_SEED } = process.env;

fc.installGlobalPlugin(fc.interruptAfterTimeLimit(PROPERTY_MS_MAX));
if (PROPERTY_SEED !== undefined) fc.configureGlobal({ seed: Number(PROPERTY_SEED) });

export { fc };
