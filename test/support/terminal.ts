import { spawn } from 'node:child_process';
import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { eventually } from './eventually.ts';

export interface LineResult {
  readonly exitCode: number;
  /** Both outputs of the line, and whatever jobs in the background wrote meanwhile. */
  readonly output: string;
}

/** Some lines start servers, on a machine that may be ten times as slow as usual. */
const LINE = { timeoutMs: 180_000, pollMs: 50 };

/**
 * A bash with job control that is typed into, line by line, as somebody would who follows a page of the manual: variables, jobs
 * (`%2`) and the folder stay from line to line.
 *
 * T1. One line at a time. T2. Nobody reads from the terminal. T3. `close` ends every job with all of its processes.
 */
export class Terminal {
  readonly #shell: ChildProcessWithoutNullStreams;
  #told = '';

  constructor(place: string, env: Readonly<Record<string, string>>) {
    this.#shell = spawn('bash', ['--noprofile', '--norc', '-s'], { cwd: place, env });
    for (const stream of [this.#shell.stdout, this.#shell.stderr])
      stream.on('data', (chunk: Buffer) => (this.#told += chunk.toString()));
    // As an option of the program bash would want a real terminal for it.
    this.#type('set -m');
  }

  /** The line, to its end. */
  async run(line: string): Promise<LineResult> {
    const end = `end-${randomBytes(6).toString('hex')}`;
    const from = this.#told.length;
    this.#type(`{ ${line}\n} </dev/null; echo "${end} $?"`);
    return eventually(() => {
      const told = this.#told.slice(from);
      const match = new RegExp(`^${end} (\\d+)$`, 'm').exec(told);
      if (match === null) throw new Error(`it has not ended yet: ${line}\n${told}`);
      return { exitCode: Number(match[1]), output: told.slice(0, match.index) };
    }, LINE);
  }

  /** A line that ends by Ctrl-C: once its output matches, `meanwhile` gets the first group; then it is interrupted. */
  async interrupted(
    line: string,
    pattern: RegExp,
    meanwhile: (found: string) => Promise<void>,
  ): Promise<LineResult> {
    const from = this.#told.length;
    const [command = ''] = line.split(/\s+#/);
    this.#type(`{ ${command} & } </dev/null`);
    const found = await eventually(() => {
      const match = pattern.exec(this.#told.slice(from));
      if (match === null) throw new Error(`${line} has not said ${pattern.source} yet:\n${this.#told}`);
      return match[1] ?? '';
    }, LINE);
    await meanwhile(found);
    const { exitCode } = await this.run('kill -INT %%; wait %%');
    return { exitCode, output: this.#told.slice(from) };
  }

  /** Once something that was told, by whatever line, matches. */
  async said(pattern: RegExp): Promise<void> {
    await eventually(() => {
      if (!pattern.test(this.#told)) throw new Error(`nobody has said ${pattern.source} yet:\n${this.#told}`);
    }, LINE);
  }

  async close(): Promise<void> {
    await this.run('for job in $(jobs -p); do kill -9 -- -$job; done; true');
    this.#shell.stdin.end();
    if (this.#shell.exitCode === null) await once(this.#shell, 'exit');
  }

  #type(text: string): void {
    this.#shell.stdin.write(`${text}\n`);
  }
}
