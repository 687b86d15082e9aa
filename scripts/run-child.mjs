import { spawn } from 'node:child_process';
import { constants } from 'node:os';

const PARENT_CHECK_MS = 250;

/**
 * Runs a Node program in our place and resolves with its exit code (128 + n when signal n ended it).
 *
 * Ctrl-C reaches it from the terminal, as it reaches us; passing it on as well would look like an impatient second one.
 * Every other signal, and SIGINT without a terminal, was sent to us alone and is passed on. We wait either way.
 *
 * npm puts a shell between itself and us, which ends at a signal and keeps it from us: when our parent is gone, that
 * was SIGTERM.
 */
export function runChild(args, { cwd, env = process.env, node = process.execPath } = {}) {
  const child = spawn(node, args, { stdio: 'inherit', cwd, env });
  const hasTerminal = process.stdin.isTTY || process.stdout.isTTY || process.stderr.isTTY;
  const passOn = (signal) => child.kill(signal);
  process.on('SIGINT', hasTerminal ? () => undefined : passOn);
  process.on('SIGTERM', passOn);
  process.on('SIGHUP', passOn);
  const parent = process.ppid;
  const watch = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(watch);
    child.kill('SIGTERM');
  }, PARENT_CHECK_MS).unref();
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code, signal) => resolve(code ?? 128 + constants.signals[signal]));
  });
}
