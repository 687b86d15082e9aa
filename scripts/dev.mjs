// `npm run dev`: compiles on every change and restarts a node, which drains first. Arguments go to `paygate node`; its
// servers are those of DATABASE_URL, RABBITMQ_URL and REDIS_URL (`paygate services up` starts some).
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { bootstrap } from './bootstrap.mjs';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

function runUntilAnyEnds(commands) {
  const children = commands.map((args) => spawn(process.execPath, args, { cwd: ROOT, stdio: 'inherit' }));
  const endAll = () => children.forEach((child) => child.kill('SIGTERM'));
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, endAll);
  for (const child of children) child.once('exit', endAll);
}

if (bootstrap()) {
  runUntilAnyEnds([
    ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.build.json', '--watch', '--preserveWatchOutput'],
    ['--watch', '--watch-preserve-output', 'dist/cli/main.js', 'node', ...process.argv.slice(2)],
  ]);
} else process.exitCode = 1;
