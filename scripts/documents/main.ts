import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { generatedFiles } from './generated-files.ts';

/** Writes what is made from the source; with `--check` only says what differs, exit code 1. */

const onDisk = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url));

function textOf(path: string): string | null {
  try {
    return readFileSync(onDisk(path), 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
    throw error;
  }
}

function write(path: string, text: string): void {
  mkdirSync(dirname(onDisk(path)), { recursive: true });
  writeFileSync(onDisk(path), text);
}

const outdated = [...generatedFiles()].filter(([path, text]) => textOf(path) !== text);
if (process.argv.includes('--check')) {
  for (const [path] of outdated)
    process.stderr.write(`${path} is not what the source says: npm run contract\n`);
  process.exitCode = outdated.length === 0 ? 0 : 1;
} else {
  for (const [path, text] of outdated) {
    write(path, text);
    process.stdout.write(`wrote ${path}\n`);
  }
}
