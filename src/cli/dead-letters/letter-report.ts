import type { LetterResult } from '../../infra/postgres/letter-ledger.ts';
import type { LetterOutcome } from '../../infra/postgres/letter-outcomes.ts';
import { count, paint } from '../output.ts';

export interface LetterReport {
  readonly result: LetterResult;
  /** undefined: nobody looked. */
  readonly outcome: LetterOutcome | undefined;
}

/** Beyond so many only those that need somebody are told one by one. */
const LINES_MAX = 50;

function described(outcome: LetterOutcome | undefined, isTransaction: boolean): string {
  switch (outcome?.kind) {
    case undefined:
      return 'sent';
    case 'decided': {
      const what = outcome.status === 'APPROVED' ? 'approved' : `rejected (${outcome.reason ?? 'no reason'})`;
      return outcome.before ? `sent; ${what} before, at ${outcome.at}` : paint('green', what);
    }
    case 'dead-letter':
      return paint(
        'red',
        `given up again as dead letter ${outcome.letterId}: ${outcome.code}, ${outcome.detail}`,
      );
    case 'retry':
      return paint('yellow', `waits for a retry (${outcome.code}, next at ${outcome.dueAt})`);
    case 'parked':
      return paint('yellow', `set aside: ${outcome.reason}`);
    case 'pending':
      return isTransaction
        ? paint('yellow', 'sent; not decided yet')
        : 'sent; a balance request leaves no trace unless it fails, and it has not so far';
  }
}

function line({ result, outcome }: LetterReport): string {
  switch (result.kind) {
    case 'sent':
      return `${result.letterId}  ${described(outcome, result.sent.queue === 'retry_queue')}`;
    case 'discarded':
      return `${result.letterId}  discarded`;
    case 'refused':
      return `${result.letterId}  ${paint('red', 'refused')}: ${result.why}`;
    case 'not-sent':
      return `${result.letterId}  ${paint('red', 'not sent')}: ${result.why}; it is still open`;
  }
}

/** One word for the summary. */
function wordFor({ result, outcome }: LetterReport): string {
  if (result.kind === 'not-sent') return 'not sent';
  if (result.kind !== 'sent') return result.kind;
  if (outcome === undefined) return 'sent';
  switch (outcome.kind) {
    case 'decided':
      return outcome.before ? 'decided before' : outcome.status.toLowerCase();
    case 'dead-letter':
      return 'given up again';
    case 'retry':
      return 'waiting for a retry';
    case 'parked':
      return 'set aside';
    case 'pending':
      return 'sent';
  }
}

function needsSomebody({ result, outcome }: LetterReport): boolean {
  return result.kind === 'refused' || result.kind === 'not-sent' || outcome?.kind === 'dead-letter';
}

/** True: each was done, and none was given up again. */
export function allWell(reports: readonly LetterReport[]): boolean {
  return !reports.some(needsSomebody);
}

export function describeReports(reports: readonly LetterReport[]): string {
  if (reports.length === 0) return 'There are none.';
  const told = reports.length <= LINES_MAX ? reports : reports.filter(needsSomebody);
  const lines = told.slice(0, LINES_MAX).map(line);
  const more = told.length - lines.length;
  if (more > 0) lines.push(`… and ${count(more)} more that need somebody (--json tells all)`);
  if (reports.length === 1) return lines.join('\n');
  const words = new Map<string, number>();
  for (const report of reports) words.set(wordFor(report), (words.get(wordFor(report)) ?? 0) + 1);
  const summary = [...words].map(([word, number]) => `${count(number)} ${word}`).join(', ');
  return [...lines, `${count(reports.length)} dead letters: ${summary}`].join('\n');
}

/** For `--json`. */
export function reportJson({ result, outcome }: LetterReport): object {
  if (result.kind !== 'sent') return result;
  const { letterId, transactionId, queue } = result.sent;
  return { kind: 'sent', letterId, transactionId, queue, outcome: outcome ?? null };
}
