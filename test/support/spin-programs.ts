import { readySpin } from '../../model/spin-programs.ts';

/** Once before the tests that need them: installs Debian's packages where they are missing and may be installed. */
export default async function installSpin(): Promise<void> {
  await readySpin(process.env, (line) => process.stderr.write(`spin: ${line}\n`));
}
