// `npm start`: makes the clone ready and runs the demonstration with the arguments given.
import { fileURLToPath } from 'node:url';
import { bootstrap } from './bootstrap.mjs';
import { runChild } from './run-child.mjs';

const MAIN = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url));

process.exitCode = bootstrap() ? await runChild([MAIN, 'demo', ...process.argv.slice(2)]) : 1;
