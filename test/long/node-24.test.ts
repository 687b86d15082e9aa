/** Without this: the image runs on a Node on which nobody has tried the unit and integration layers. */
import { execa } from 'execa';
import { expect, it } from 'vitest';

const LIMIT_MS = 3_600_000;

it(
  'the unit and integration layers pass on Node 24',
  async () => {
    const { exitCode, stdout } = await execa(process.execPath, ['scripts/test-on-node.mjs'], {
      env: { PATH: process.env['PATH'] ?? '', HOME: process.env['HOME'] ?? '/tmp' },
      extendEnv: false,
      stderr: 'inherit',
      reject: false,
      timeout: LIMIT_MS,
    });
    expect(stdout.split('\n').at(-1)).toMatch(/^\d+ passed, 0 failed/);
    expect(exitCode).toBe(0);
  },
  LIMIT_MS,
);
