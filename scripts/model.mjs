// `npm run model`: makes the clone ready and searches the models of the protocol with the arguments given.
import { fileURLToPath } from 'node:url';
import { bootstrap } from './bootstrap.mjs';
import { runChild } from './run-child.mjs';

const fileOf = (name) => fileURLToPath(new URL(`../${name}`, import.meta.url));

process.exitCode = bootstrap()
  ? await runChild([
      '--import',
      fileOf('test/support/typescript-loader.mjs'),
      fileOf('model/main.ts'),
      ...process.argv.slice(2),
    ])
  : 1;
