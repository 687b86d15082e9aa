import { ensureError } from '../../src/domain/errors.ts';
import { readySpin } from '../../model/spin-programs.ts';

/**
 * Once before the tests that need them: installs Debian's packages where they are missing and may be installed. Elsewhere
 * it says what is missing, and those tests are skipped: nobody needs spin to change a line.
 */
export default async function installSpin(): Promise<void> {
  const say = (line: string): void => void process.stderr.write(`spin: ${line}\n`);
  await readySpin(process.env, say).catch((error: unknown) => say(ensureError(error).message));
}
