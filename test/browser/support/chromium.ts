import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { installDebianPackages } from '../../../src/infra/services/install-packages.ts';
import { probeMachine } from '../../../src/infra/services/machine-probe.ts';
import { ServerError } from '../../../src/infra/services/server-kind.ts';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];
const PACKAGE = 'chromium';

/** null: there is none on this machine. */
export function findChromium(): string | null {
  const named = process.env['CHROMIUM'];
  if (named !== undefined && existsSync(named)) return named;
  const directories = ['/usr/bin', ...(process.env['PATH'] ?? '').split(delimiter)];
  const paths = directories.flatMap((directory) => NAMES.map((name) => join(directory, name)));
  return paths.find((path) => existsSync(path)) ?? null;
}

/** Once before the browser tests: installs Debian's package where no browser is found and it may be installed. */
export default async function installChromium(): Promise<void> {
  if (findChromium() !== null) return;
  if (!probeMachine(process.env).canInstall())
    throw new ServerError(
      `Chromium was not found: set CHROMIUM, or on Debian: sudo apt-get install --no-install-recommends ${PACKAGE}`,
    );
  await installDebianPackages([PACKAGE], process.env, (line) => process.stderr.write(`chromium: ${line}\n`));
}
