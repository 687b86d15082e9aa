import { cp, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { PROPERTIES } from './properties.ts';
import type { Method, Search } from './searches.ts';
import type { SpinPrograms } from './spin-programs.ts';

const MODELS = fileURLToPath(new URL('.', import.meta.url));

const MEMORY_MAX_MB = 3_000;
const DEPTH_MAX = 200_000;
const SEARCH_LIMIT_MS = 300_000;

/** How the searching program is compiled, and how it is called. */
const METHODS: Readonly<
  Record<Method, { readonly compile: readonly string[]; readonly run: readonly string[] }>
> = {
  states: { compile: ['-DSAFETY', '-DCOLLAPSE'], run: [] },
  shortest: { compile: ['-DSAFETY', '-DCOLLAPSE', '-DBFS'], run: [] },
  cycles: { compile: ['-DCOLLAPSE', '-DNP'], run: ['-l'] },
  fair: { compile: ['-DCOLLAPSE', '-DNFAIR=16'], run: ['-a', '-f'] },
};

/** `unfinished`: the search ended at one of its limits, which proves nothing. */
export type Verdict = 'holds' | 'violated' | 'unfinished';

export interface SearchResult {
  readonly search: Search;
  readonly verdict: Verdict;
  /** States stored. */
  readonly states: number;
  /** Steps of the longest way tried; with `shortest`, of the story found. */
  readonly depth: number;
  readonly seconds: number;
  /** What it says of the violation; null: there is none. */
  readonly violation: string | null;
}

/** Holds where everything has to, or has found the bug that was planted. */
export function isAsItShouldBe({ search, verdict }: SearchResult): boolean {
  return verdict === (search.planted === null ? 'holds' : 'violated');
}

/**
 * Searches a model exhaustively, in a folder of its own under the system's temporary one.
 *
 * Rejects when the model cannot be compiled.
 */
export async function runSearch(
  search: Search,
  { spin, gcc }: SpinPrograms,
  signal: AbortSignal,
): Promise<SearchResult> {
  const cwd = await mkdtemp(join(tmpdir(), 'paygate-model-'));
  try {
    for (const name of await readdir(MODELS))
      if (name.endsWith('.pml')) await cp(join(MODELS, name), join(cwd, name));
    const { compile, run } = METHODS[search.method];
    await execa(spin, ['-a', ...definesOf(search), `${search.model}.pml`], { cwd, cancelSignal: signal });
    const flags = ['-O2', '-w', '-DNOREDUCE', '-DVECTORSZ=2048', `-DMEMLIM=${MEMORY_MAX_MB}`, ...compile];
    await execa(gcc, [...flags, '-o', 'pan', 'pan.c'], { cwd, cancelSignal: signal });
    const startedMs = performance.now();
    const { stdout } = await execa(join(cwd, 'pan'), [...run, `-m${DEPTH_MAX}`, '-w24'], {
      cwd,
      cancelSignal: signal,
      timeout: SEARCH_LIMIT_MS,
      reject: false,
      maxBuffer: 16 * 1024 * 1024,
    });
    signal.throwIfAborted();
    return { search, ...readReport(stdout), seconds: (performance.now() - startedMs) / 1_000 };
  } finally {
    await rm(cwd, { recursive: true, force: true });
  }
}

function definesOf({ properties, defines, planted }: Search): readonly string[] {
  const check = properties.reduce((bits, property) => bits | PROPERTIES[property].bit, 0);
  const bug = planted === null ? [] : [`-D${planted.flag}`];
  return [`-DCHECK=${check}`, ...defines.map((define) => `-D${define}`), ...bug];
}

const LIMIT_REACHED = /max search depth too small|out of memory|memory exceeds|interrupted/i;
const VIOLATION = /^pan:\d*:? ?(.*(?:assertion|acceptance|non-progress|invalid end state).*)$/m;

/** What spin's program prints at its end. */
export function readReport(report: string): Omit<SearchResult, 'search' | 'seconds'> {
  const violation = VIOLATION.exec(report)?.[1] ?? null;
  const errors = /errors: (\d+)/.exec(report)?.[1];
  const isWhole = errors === '0' && !LIMIT_REACHED.test(report);
  return {
    verdict: violation !== null ? 'violated' : isWhole ? 'holds' : 'unfinished',
    states: Number(/(\d+) states, stored/.exec(report)?.[1] ?? 0),
    depth: Number(/depth reached (\d+)/.exec(report)?.[1] ?? 0),
    violation,
  };
}
