import { KNOWN_DIFFERENCES, NOT_COMPARED } from '../../domain/shadow/names.ts';
import type { Told } from '../../domain/shadow/names.ts';
import { count, money, paint } from '../output.ts';
import type { Difference, ShadowSummary } from './shadow-tally.ts';

function told({ status, cents, reason }: Told): string {
  return reason === null ? `${status} ${money(cents)}` : `${status} ${reason}`;
}

export function describeDifference(found: Difference): string {
  const mark = found.name === null ? paint('red', 'UNKNOWN') : paint('yellow', found.name);
  const place = `transaction ${found.transactionId} (${found.type}) of account ${found.accountId ?? 'none'}`;
  return `${mark}  ${place}: the old processor ${told(found.theirs)}, here ${told(found.ours)}`;
}

export function describeSummary(summary: ShadowSummary): string {
  const { seen, agree, examples } = summary;
  const known = entriesOf(summary.known).flatMap(([name, many]) => [
    `  ${name.padEnd(NAME_CHARS)}  ${count(many)}: ${KNOWN_DIFFERENCES[name]}`,
    `    ${(examples[name] ?? []).join(', ')}`,
  ]);
  const notCompared = entriesOf(summary.notCompared).map(
    ([why, many]) => `  ${why.padEnd(NAME_CHARS)}  ${count(many)}: ${NOT_COMPARED[why]}`,
  );
  return [
    `${transactions(seen)} seen: ${count(agree)} agree`,
    ...(known.length === 0 ? [] : ['known differences', ...known]),
    ...(notCompared.length === 0 ? [] : ['not compared', ...notCompared]),
    verdictOf(summary),
  ].join('\n');
}

function verdictOf({ compared, unknown, examples }: ShadowSummary): string {
  if (compared === 0)
    return paint('yellow', 'Nothing was compared, so this says nothing about the two: let it run longer.');
  if (unknown === 0) return paint('green', `No unknown difference among ${transactions(compared)}.`);
  const differences = unknown === 1 ? 'difference' : 'differences';
  return paint('red', `${count(unknown)} UNKNOWN ${differences}: ${(examples['unknown'] ?? []).join(', ')}`);
}

const transactions = (many: number): string => `${count(many)} transaction${many === 1 ? '' : 's'}`;

const NAME_CHARS = Math.max(
  ...[...Object.keys(KNOWN_DIFFERENCES), ...Object.keys(NOT_COMPARED)].map((name) => name.length),
);

function entriesOf<K extends string>(counts: Readonly<Partial<Record<K, number>>>): readonly [K, number][] {
  return Object.entries(counts) as [K, number][];
}
