import { readFileSync } from 'node:fs';

/** From package.json, two folders up both in `src/cli` and in `dist/cli`. */
function readVersion(): string {
  const file = new URL('../../package.json', import.meta.url);
  const manifest: unknown = JSON.parse(readFileSync(file, 'utf8'));
  if (typeof manifest === 'object' && manifest !== null && 'version' in manifest) {
    return String(manifest.version);
  }
  throw new Error('package.json has no version');
}

export const version = readVersion();
