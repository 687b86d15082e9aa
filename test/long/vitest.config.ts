import { defineConfig } from 'vitest/config';

/** What takes too long for every `npm test`: `npm run test:long`. */
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'long',
          include: ['test/long/**/*.test.ts'],
          environment: 'node',
          pool: 'forks',
          maxWorkers: 1,
          testTimeout: 900_000,
          hookTimeout: 180_000,
        },
      },
    ],
  },
});
