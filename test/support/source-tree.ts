import { cpSync, mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/** What the Dockerfile copies and what package.json packs. dist/ only saves the compiler some work. */
const SOURCES = [
  ...['package.json', 'package-lock.json', '.npmrc', 'LICENSE', 'NOTICE', 'README.md', 'CHANGELOG.md'],
  ...['tsconfig.json', 'tsconfig.build.json', 'docker-compose.yml'],
  ...['scripts', 'migrations', 'ops', 'docs', 'contract', 'src', 'dist', 'examples'],
  ...['.env.example', 'sim/README.md'],
];

/** A copy of the project to build in, without its tests. `place` must not be there yet. */
export function copySources(place: string): void {
  mkdirSync(place);
  for (const name of SOURCES)
    cpSync(join(ROOT, name), join(place, name), { recursive: true, preserveTimestamps: true });
  symlinkSync(join(ROOT, 'node_modules'), join(place, 'node_modules'));
}
