// `npm run contract`: makes the files that come from the source (contract/, docs/CONTRACT.md, docs/CONFIGURATION.md, .env.example).
// `-- --check`: only says which of them are not what the source says.
import { fileURLToPath } from 'node:url';
import { bootstrap } from './bootstrap.mjs';
import { runChild } from './run-child.mjs';

const fileOf = (name) => fileURLToPath(new URL(`../${name}`, import.meta.url));

process.exitCode = bootstrap()
  ? await runChild([
      '--import',
      fileOf('test/support/typescript-loader.mjs'),
      fileOf('scripts/documents/main.ts'),
      ...process.argv.slice(2),
    ])
  : 1;
