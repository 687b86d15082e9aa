// `npm run bench`: makes the clone ready and runs the benchmark suite with the arguments given.
import { fileURLToPath } from 'node:url';
import { bootstrap } from './bootstrap.mjs';
import { runChild } from './run-child.mjs';

const fileOf = (name) => fileURLToPath(new URL(`../${name}`, import.meta.url));

process.exitCode = bootstrap()
  ? await runChild([
      '--import',
      fileOf('test/support/typescript-loader.mjs'),
      fileOf('bench/main.ts'),
      ...process.argv.slice(2),
    ])
  : 1;
