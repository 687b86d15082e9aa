import { describeDuration } from '../../domain/duration.ts';
import type { Discarded, DriveOutcome, PendingCare, PendingList } from '../../infra/postgres/pending-rows.ts';
import { count, money, table } from '../output.ts';

function careText(care: PendingCare): string {
  switch (care.kind) {
    case 'nothing':
      return 'nothing';
    case 'retry':
      return 'a retry';
    case 'parked':
      return 'its account is set aside';
    case 'dead-letter':
      return `dead letter ${String(care.id)} ${care.code}`;
    case 'ordered':
      return 'ordered to be driven';
  }
}

/** `ageMaxMs`: older ones are not driven by themselves. */
export function describePendingList({ total, rows }: PendingList, ageMaxMs: number): string {
  if (total === 0) return 'No such transaction is pending.';
  const cells = rows.map(({ transactionId, accountId, type, amountCents, createdAt, care }) => [
    transactionId,
    createdAt,
    type,
    money(amountCents),
    careText(care),
    accountId,
  ]);
  const more = total - rows.length;
  return [
    table(['transaction', 'since', 'type', 'amount', 'taken care of by', 'account'], cells),
    ...(more > 0 ? [`… and ${count(more)} younger ones (--limit shows more)`] : []),
    '',
    `${count(total)} pending. Those that nothing takes care of are driven by the cluster until they are ${describeDuration(ageMaxMs)} old;`,
    'older ones only by `paygate pending drive`, or ended by `paygate pending discard`.',
  ].join('\n');
}

export function describeDrive(asked: number, outcome: DriveOutcome): string {
  const { approved, rejected, failed, waiting, open } = outcome;
  const parts = [
    `${count(approved)} approved`,
    `${count(rejected)} rejected`,
    ...(failed > 0 ? [`${count(failed)} given up (see \`paygate dead-letters list\`)`] : []),
    ...(waiting > 0
      ? [`${count(waiting)} wait for something else (see \`paygate transaction <id>\` of each)`]
      : []),
  ];
  const done = `Driven: ${count(asked)} transactions, ${parts.join(', ')}.`;
  if (open === 0) return done;
  return [
    done,
    `${count(open)} are not decided yet. They stay ordered, and are driven as soon as a node reads`,
    '`transactions_queue` and what waits there is not older than they are: see `paygate cluster`.',
  ].join('\n');
}

export function describeDiscarded(results: readonly Discarded[]): string {
  const lines = results.map(({ transactionId, status, discarded }) => {
    if (discarded) return `${transactionId} is ERROR now; no message decides it any more.`;
    return `${transactionId} ${status === null ? 'does not exist' : `was ${status} already`}; nothing was changed.`;
  });
  return lines.join('\n');
}
