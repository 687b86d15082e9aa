import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import type { Mutation } from './mutations.ts';

const CHECKOUT = fileURLToPath(new URL('../..', import.meta.url));

/**
 * The files of the checkout that git knows, as they are now, in a temporary folder. Owns that folder; the checkout itself is
 * never written to. Installed packages are shared.
 */
export class TreeCopy {
  readonly directory: string;

  private constructor(directory: string) {
    this.directory = directory;
  }

  static async make(): Promise<TreeCopy> {
    const { stdout } = await execa('git', ['ls-files', '-z'], { cwd: CHECKOUT });
    const directory = await mkdtemp(join(tmpdir(), 'paygate-mutation-'));
    const files = stdout.split('\0').filter((file) => file !== '' && existsSync(join(CHECKOUT, file)));
    for (const file of files) await cp(join(CHECKOUT, file), join(directory, file));
    await symlink(join(CHECKOUT, 'node_modules'), join(directory, 'node_modules'));
    return new TreeCopy(directory);
  }

  /** Throws where the text is not there exactly once: the table has to follow the code. */
  async whileMutated<T>({ file, text, replacement }: Mutation, work: () => Promise<T>): Promise<T> {
    const path = join(this.directory, file);
    const original = await readFile(path, 'utf8');
    const count = original.split(text).length - 1;
    if (count !== 1)
      throw new Error(`${file} has the text to be replaced ${count} times, not once:\n${text}`);
    await writeFile(
      path,
      original.replace(text, () => replacement),
    );
    try {
      return await work();
    } finally {
      await writeFile(path, original);
    }
  }

  async remove(): Promise<void> {
    await rm(this.directory, { recursive: true });
  }
}
