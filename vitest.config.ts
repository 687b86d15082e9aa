import { defineConfig } from 'vitest/config';
import { LongFirst } from './test/support/long-first.ts';

/** A broker or a Redis that a variable names has one place for all tests: they take turns. */
const namedServers = process.env['PAYGATE_TEST_RABBITMQ_URL'] ?? process.env['PAYGATE_TEST_REDIS_URL'] ?? '';

export default defineConfig({
  test: {
    sequence: { sequencer: LongFirst },
    projects: [
      {
        test: {
          name: 'unit',
          include: ['test/unit/**/*.test.ts'],
          environment: 'node',
          // Time limits are for what hangs, not for what is slow: CI has two busy cores.
          testTimeout: 60_000,
          // Without it one core of two would be idle.
          maxWorkers: 2,
          // Projects with different numbers of workers run one after the other.
          sequence: { groupOrder: 0 },
        },
      },
      {
        test: {
          name: 'integration',
          include: ['test/integration/**/*.test.ts'],
          environment: 'node',
          globalSetup: ['test/support/servers-global-setup.ts'],
          sequence: { groupOrder: 1 },
          pool: 'forks',
          // Half of the time a file waits: for servers to start, leases to run out, a second on disk.
          maxWorkers: namedServers === '' ? 4 : 1,
          testTimeout: 600_000,
          hookTimeout: 600_000,
        },
      },
      {
        test: {
          name: 'operations',
          include: ['test/operations/**/*.test.ts'],
          environment: 'node',
          globalSetup: ['test/support/servers-global-setup.ts', 'test/support/prometheus-programs.ts'],
          sequence: { groupOrder: 2 },
          pool: 'forks',
          maxWorkers: namedServers === '' ? 2 : 1,
          testTimeout: 600_000,
          hookTimeout: 600_000,
        },
      },
      {
        test: {
          name: 'model',
          include: ['test/model/**/*.test.ts'],
          environment: 'node',
          globalSetup: ['test/support/spin-programs.ts'],
          sequence: { groupOrder: 2 },
          maxWorkers: namedServers === '' ? 2 : 1,
          testTimeout: 600_000,
        },
      },
      {
        test: {
          name: 'mutation',
          include: ['test/mutation/**/*.test.ts'],
          environment: 'node',
          globalSetup: ['test/support/servers-global-setup.ts'],
          sequence: { groupOrder: 2 },
          pool: 'forks',
          maxWorkers: namedServers === '' ? 2 : 1,
          testTimeout: 240_000,
          hookTimeout: 600_000,
        },
      },
      {
        test: {
          name: 'cluster',
          include: ['test/cluster/**/*.test.ts'],
          environment: 'node',
          // Not used, but what is missing of the servers' programs is installed once, before two files want it.
          globalSetup: ['test/support/servers-global-setup.ts'],
          sequence: { groupOrder: 2 },
          pool: 'forks',
          // Each file has servers and three nodes of its own, and waits for leases and heartbeats most of the time. What it
          // measures is printed, not tested; whoever wants it undisturbed runs it with `--maxWorkers 1`.
          maxWorkers: namedServers === '' ? 2 : 1,
          testTimeout: 240_000,
          hookTimeout: 120_000,
        },
      },
      {
        test: {
          name: 'browser',
          include: ['test/browser/**/*.test.ts'],
          environment: 'node',
          globalSetup: ['test/browser/support/chromium.ts'],
          sequence: { groupOrder: 2 },
          pool: 'forks',
          maxWorkers: namedServers === '' ? 2 : 1,
          testTimeout: 600_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
});
