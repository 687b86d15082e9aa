// `npm run bench | profile | model | sim | soak | contract`: makes the clone ready and runs the TypeScript program that is named first, with the other arguments.
import { fileURLToPath } from 'node:url';
import { bootstrap } from './bootstrap.mjs';
import { runChild } from './run-child.mjs';

const fileOf = (name) => fileURLToPath(new URL(`../${name}`, import.meta.url));
const [program, ...args] = process.argv.slice(2);

process.exitCode = bootstrap()
  ? await runChild(['--import', fileOf('test/support/typescript-loader.mjs'), fileOf(program), ...args])
  : 1;
