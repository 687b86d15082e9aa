import { installDebianPackages } from '../../src/infra/services/install-packages.ts';
import { probeMachine } from '../../src/infra/services/machine-probe.ts';
import { ServerError } from '../../src/infra/services/server-kind.ts';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** Prometheus and its tool, which check metrics, alert rules and the queries of the dashboard. */
export interface PrometheusPrograms {
  readonly prometheus: string;
  readonly promtool: string;
}

const PACKAGE = 'prometheus';

/** null: at least one of them is not on this machine. */
export function findPrometheus(): PrometheusPrograms | null {
  const directories = ['/usr/bin', ...(process.env['PATH'] ?? '').split(delimiter)];
  const find = (program: string): string | undefined =>
    directories.map((directory) => join(directory, program)).find((path) => existsSync(path));
  const [prometheus, promtool] = [find('prometheus'), find('promtool')];
  return prometheus === undefined || promtool === undefined ? null : { prometheus, promtool };
}

/** Once before the tests that need them: installs Debian's package where it is missing and may be installed. */
export default async function installPrometheus(): Promise<void> {
  if (findPrometheus() !== null) return;
  if (!probeMachine(process.env).canInstall())
    throw new ServerError(
      `prometheus and promtool were not found; on Debian or Ubuntu: sudo apt-get install --no-install-recommends ${PACKAGE}`,
    );
  await installDebianPackages([PACKAGE], process.env, (line) =>
    process.stderr.write(`prometheus: ${line}\n`),
  );
}

/** For the tests themselves, after `installPrometheus`. */
export function prometheusPrograms(): PrometheusPrograms {
  const programs = findPrometheus();
  if (programs === null) throw new ServerError('prometheus is still missing after installing it');
  return programs;
}
