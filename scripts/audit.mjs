/**
 * Asks the registry for known weaknesses of the packages that run. Exit code 1 where one is high or critical. Where nobody can be asked,
 * as on a machine without network, it says so and ends well; with --must that is a failure.
 */
import { spawnSync } from 'node:child_process';

const MUST = process.argv.includes('--must');
const { stdout } = spawnSync('npm', ['audit', '--omit=dev', '--json'], { encoding: 'utf8' });
const report = reportOf(stdout);

if (report?.metadata === undefined) {
  process.stderr.write(`not audited: ${report?.message ?? 'npm audit gave no answer'}\n`);
  process.exitCode = MUST ? 1 : 0;
} else {
  const { high, critical, total } = report.metadata.vulnerabilities;
  const serious = Object.values(report.vulnerabilities).filter(({ severity }) =>
    /high|critical/.test(severity),
  );
  for (const { name, severity, range } of serious) process.stderr.write(`${severity}: ${name} ${range}\n`);
  process.stdout.write(
    `known weaknesses of what runs: ${total}, of them high or critical ${high + critical}\n`,
  );
  process.exitCode = high + critical > 0 ? 1 : 0;
}

function reportOf(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
