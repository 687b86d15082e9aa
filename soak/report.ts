import { bold, count, paint, table } from '../src/cli/output.ts';
import type { Checked } from '../test/cluster/support/promises.ts';
import type { Growth, LifeReport } from './judge-growth.ts';
import { LIFE_MIN_MS } from './judge-growth.ts';
import type { TimeLineEntry } from './time-line.ts';

export interface SoakReport {
  readonly seed: string;
  readonly startedAt: string;
  /** `broken`: it ended at the first thing that was wrong. */
  readonly ended: 'complete' | 'interrupted' | 'broken';
  readonly seconds: number;
  readonly ratePerSecond: number;
  readonly sent: number;
  readonly poison: number;
  readonly checked: Omit<Checked, 'broken'>;
  readonly longestPauseMs: number;
  readonly faults: readonly TimeLineEntry[];
  readonly lives: readonly LifeReport[];
  /** In words; empty: every promise was kept, and no node has grown. */
  readonly broken: readonly string[];
}

const SECOND_MS = 1_000;
const MINUTE_SECONDS = 60;

/** `12:34` */
export function clock(ms: number): string {
  const seconds = Math.floor(ms / SECOND_MS);
  const part = (value: number): string => String(value).padStart(2, '0');
  return `${part(Math.floor(seconds / MINUTE_SECONDS))}:${part(seconds % MINUTE_SECONDS)}`;
}

const inSeconds = (ms: number | null): string => (ms === null ? 'never' : (ms / SECOND_MS).toFixed(1));

function timeLine({ faults }: SoakReport): string {
  const rows = faults.map((fault) => [
    clock(fault.atMs),
    fault.what,
    inSeconds(fault.overAfterMs),
    inSeconds(fault.settledAfterMs),
    inSeconds(fault.longestPauseMs),
  ]);
  return table(['at', 'what happened', 'over after, s', 'calm after, s', 'longest pause, s'], rows);
}

function number(value: number, unit: Growth['unit']): string {
  return value.toFixed(unit === 'MB' ? 1 : 0);
}

function growthTable({ lives }: SoakReport): string {
  const judged = lives.filter(({ growths }) => growths.length > 0);
  if (judged.length === 0) return `no node lived for ${LIFE_MIN_MS / SECOND_MS} s: growth was not judged`;
  const rows = judged.flatMap(({ nodeId, pid, seconds, growths }) =>
    growths.map(({ figure, unit, first, second, last, perHour, verdict }) => [
      `${nodeId} (${pid}), ${clock(seconds * SECOND_MS)}`,
      unit === '' ? figure : `${figure}, ${unit}`,
      ...[first, second, last, perHour].map((value) => number(value, unit)),
      verdict,
    ]),
  );
  return table(['process, lived', 'median of', 'first third', 'second', 'last', 'per hour', 'verdict'], rows);
}

function summary(report: SoakReport): string {
  const { sent, poison, checked, seconds, faults, longestPauseMs, lives } = report;
  return [
    `${count(sent)} transactions sent in ${clock(seconds * SECOND_MS)}, ${count(checked.decisions)} decided, ${count(checked.waited)} of them after waiting;`,
    `${count(poison)} messages that cannot be decided; every outcome foreseen on ${count(checked.foreseenAccounts)} accounts;`,
    `${faults.length} faults, longest pause ${inSeconds(longestPauseMs)} s, ${lives.length} processes of nodes; seed ${report.seed}`,
  ].join('\n');
}

function verdict({ broken, ended, lives }: SoakReport): string {
  if (broken.length > 0) return [paint('red', bold('broken:')), ...broken].join('\n');
  const grown = lives.some(({ growths }) => growths.length > 0) ? ', and no node has grown' : '';
  const kept = paint('green', `every promise was kept${grown}`);
  return ended === 'interrupted' ? `interrupted; until then ${kept}` : kept;
}

export function reportText(report: SoakReport): string {
  return [timeLine(report), growthTable(report), summary(report), verdict(report)].join('\n\n');
}
