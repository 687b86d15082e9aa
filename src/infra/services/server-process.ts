import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, closeSync, openSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Guardian } from './guardian.ts';
import type { ProcessName } from './process-table.ts';
import {
  isListed,
  isRunning,
  isStill,
  processName,
  processTree,
  signal,
  waitUntilGone,
} from './process-table.ts';
import { ServerError } from './server-kind.ts';
import type { SystemUser } from './system-user.ts';

/** How a program is started. */
export interface Launch {
  readonly program: string;
  readonly args: readonly string[];
  readonly cwd: string;
  /** The whole environment; nothing of ours is inherited. */
  readonly env: Readonly<Record<string, string>>;
  readonly user: SystemUser | null;
  /** Standard output and error are appended here. */
  readonly logFile: string;
  /** Ends it at once without orphans: SIGKILL, but SIGQUIT for PostgreSQL, whose main process then ends its backends. */
  readonly endSignal: NodeJS.Signals;
}

const KILL_LIMIT_MS = 10_000;
const FREEZE_LIMIT_MS = 5_000;
const POLL_MS = 5;
const LOG_TAIL_LINES = 12;

/**
 * One running program, leader of a process group and session of its own.
 *
 * It writes to a file, not to a pipe, so that it does not notice when we end. The guardian knows it from its first
 * moment on until it has ended.
 */
export class ServerProcess {
  readonly name: ProcessName;
  readonly #launch: Launch;
  readonly #guardian: Guardian;

  private constructor(name: ProcessName, launch: Launch, guardian: Guardian) {
    this.name = name;
    this.#launch = launch;
    this.#guardian = guardian;
  }

  /** Throws `ServerError` when the program cannot be started at all. */
  static async start(launch: Launch, guardian: Guardian): Promise<ServerProcess> {
    const log = openSync(launch.logFile, 'a', 0o600);
    if (launch.user !== null) chownSync(launch.logFile, launch.user.uid, launch.user.gid);
    const child = spawn(launch.program, launch.args, {
      cwd: launch.cwd,
      env: launch.env,
      stdio: ['ignore', log, log],
      detached: true,
      ...(launch.user === null ? {} : { uid: launch.user.uid, gid: launch.user.gid }),
    });
    closeSync(log);
    try {
      await once(child, 'spawn');
    } catch (error) {
      throw new ServerError(`${launch.program} could not be started`, { cause: error });
    }
    assert(child.pid !== undefined);
    child.unref();
    const name = processName(child.pid);
    guardian.tell({ order: 'watch', process: { ...name, endSignal: launch.endSignal } });
    return new ServerProcess(name, launch, guardian);
  }

  isRunning(): boolean {
    return isRunning(this.name);
  }

  /** Asks with `first`, insists with SIGKILL on the whole tree after `graceMs`; resolves when all of it is gone. */
  async end(first: NodeJS.Signals, graceMs: number): Promise<void> {
    const tree = (await processTree(this.name.pid)).map(processName);
    if (first === 'SIGKILL') for (const member of tree) signal(member.pid, first);
    else signal(-this.name.pid, first);
    signal(-this.name.pid, 'SIGCONT');
    if (!(await waitUntilGone(tree, graceMs))) {
      for (const member of tree.filter(isRunning)) signal(member.pid, 'SIGKILL');
      if (!(await waitUntilGone(tree, KILL_LIMIT_MS))) {
        throw new ServerError(`${this.#launch.program} (pid ${this.name.pid}) does not end`);
      }
    }
    // PostgreSQL does not start over a lock file whose pid is taken, be it only by what we have not reaped yet.
    await waitUntilGone([this.name], KILL_LIMIT_MS, isListed);
    this.#guardian.tell({ order: 'forget', pid: this.name.pid });
  }

  /**
   * Resolves when every process of it stands still. The main process is stopped first and the others are looked for
   * again and again: one may have been started in between, and a running one takes the signal only a moment later.
   */
  async freeze(): Promise<void> {
    const deadline = Date.now() + FREEZE_LIMIT_MS;
    const told = new Set<number>();
    signal(this.name.pid, 'SIGSTOP');
    for (;;) {
      const tree = await processTree(this.name.pid);
      const moving = tree.filter((pid) => !told.has(pid) || !isStill(pid));
      if (moving.length === 0) return;
      if (Date.now() > deadline) throw new ServerError(`${this.#launch.program} does not stand still`);
      for (const pid of moving) {
        signal(pid, 'SIGSTOP');
        told.add(pid);
      }
      await sleep(POLL_MS);
    }
  }

  /** Lets every process of it go on, the main one last, so that it finds its children alive. */
  async thaw(): Promise<void> {
    for (const pid of (await processTree(this.name.pid)).toReversed()) signal(pid, 'SIGCONT');
  }

  /** The last lines it wrote, for an error message. */
  logTail(): string {
    return readFileSync(this.#launch.logFile, 'utf8').trim().split('\n').slice(-LOG_TAIL_LINES).join('\n');
  }
}
