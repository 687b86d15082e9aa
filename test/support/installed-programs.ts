import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { MAIN } from './paygate.ts';

/**
 * Puts `paygate` and an `npx` that finds it into the folder, as if they were installed, and whatever else a page of the manual calls
 * (shell text by name). Returns a `PATH` that begins there. What npm does with a package's own bin is tested with the package.
 */
export function installPrograms(directory: string, others: Readonly<Record<string, string>> = {}): string {
  const programs = {
    paygate: `exec '${process.execPath}' '${MAIN}' "$@"`,
    npx: `test "$1" = paygate && shift && exec paygate "$@"`,
    ...others,
  };
  for (const [name, text] of Object.entries(programs)) {
    writeFileSync(join(directory, name), `#!/bin/sh\n${text}\n`);
    chmodSync(join(directory, name), 0o755);
  }
  return `${directory}:${process.env['PATH'] ?? ''}`;
}
