import { fileURLToPath } from 'node:url';

/** A file of the project. `src` and `dist` are equally deep, so the same path serves both. */
const projectFile = (name: string): string => fileURLToPath(new URL(`../../../${name}`, import.meta.url));

export const GUARDIAN_SCRIPT = projectFile('scripts/guardian.mjs');
export const COMPOSE_FILE = projectFile('docker-compose.yml');
