// Ends servers whose owner is gone. Started by src/infra/services/guardian.ts, which also says what the orders mean.
//
// Reads orders from standard input until it closes. The system closes it whenever the owner ends, also by SIGKILL; then
// every process still watched is ended and the directory removed. Only processes whose start time is the recorded one
// are touched: a pid may have been given to somebody else.
import { spawnSync } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';

const GRACE_MS = 8_000;
const COMMAND_LIMIT_MS = 60_000;
const POLL_MS = 25;

/** pid → { pid, startTicks, endSignal }, in the order of their start */
const watched = new Map();
const directories = [];
const commands = [];
let dismissed = false;

function isRunning({ pid, startTicks }) {
  try {
    if (startTicks === null) return process.kill(pid, 0);
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return fields[0] !== 'Z' && fields[19] === startTicks;
  } catch {
    return false;
  }
}

function signalGroup(pid, signal) {
  try {
    process.kill(-pid, signal);
  } catch {
    // gone meanwhile
  }
}

async function waitUntilGone(processes, limitMs) {
  const deadline = Date.now() + limitMs;
  while (processes.some(isRunning) && Date.now() < deadline) await sleep(POLL_MS);
}

async function endAll() {
  const running = [...watched.values()].reverse().filter(isRunning);
  for (const { pid, endSignal } of running) {
    signalGroup(pid, endSignal);
    signalGroup(pid, 'SIGCONT'); // a paused server takes no signal but SIGKILL
  }
  await waitUntilGone(running, GRACE_MS);
  for (const left of running.filter(isRunning)) signalGroup(left.pid, 'SIGKILL');
  await waitUntilGone(running, GRACE_MS);
  for (const { command, args, env } of commands) {
    spawnSync(command, args, { stdio: 'ignore', timeout: COMMAND_LIMIT_MS, env: { ...process.env, ...env } });
  }
  for (const directory of directories) rmSync(directory, { recursive: true, force: true, maxRetries: 5 });
}

function obey(line) {
  const message = JSON.parse(line);
  switch (message.order) {
    case 'watch':
      watched.set(message.process.pid, message.process);
      break;
    case 'forget':
      watched.delete(message.pid);
      break;
    case 'remove-directory':
      directories.push(message.directory);
      break;
    case 'run-at-end':
      commands.push(message);
      break;
    case 'dismiss':
      dismissed = true;
      break;
  }
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => undefined);
process.stdout.on('error', () => undefined); // its reader stops listening after this one word
process.stdout.write('watching\n');
for await (const line of createInterface({ input: process.stdin })) obey(line);
if (!dismissed) await endAll();
