import { html } from 'htm/preact';
import type { VNode } from 'preact';
import type { JournalRow } from '../../../contracts/console.ts';
import { change, clockTime, money, shortId } from '../format.ts';
import type { Step } from '../steps.ts';

interface JournalProps {
  /** Newest first. */
  readonly rows: readonly JournalRow[];
  /** Oldest first. */
  readonly steps: readonly Step[];
}

type Item =
  | { readonly kind: 'row'; readonly at: string; readonly row: JournalRow }
  | { readonly kind: 'steps'; readonly at: string; readonly steps: readonly Step[] };

const COLUMNS = [
  ['time', 'time, UTC'],
  ['seq', 'seq'],
  ['type', 'type'],
  ['outcome', 'outcome'],
  ['amount', 'amount'],
  ['balance', 'balance'],
  ['where', 'transaction'],
] as const;

/** The account's decisions, newest first, with what its statechart did between them. */
export function Journal({ rows, steps }: JournalProps): VNode {
  if (rows.length === 0 && steps.length === 0)
    return html`<p class="quiet">Nothing has been decided for this account.</p>`;
  return html`<p class="columns" aria-hidden="true">
      ${COLUMNS.map(([name, title]) => html`<span class=${name}>${title}</span>`)}
    </p>
    <ol class="journal" aria-label="Journal, newest first">
      ${timeline(rows, steps).map((item) => (item.kind === 'row' ? rowOf(item.row) : stepsOf(item.steps)))}
    </ol>`;
}

/** Steps stand between the rows by time; those before the oldest row shown are left out. */
function timeline(rows: readonly JournalRow[], steps: readonly Step[]): readonly Item[] {
  const items: Item[] = [];
  let left = [...steps];
  for (const row of rows) {
    const newer = left.filter(({ at }) => at > row.decidedAt);
    left = left.filter(({ at }) => at <= row.decidedAt);
    if (newer.length > 0) items.push({ kind: 'steps', at: newer[0]?.at ?? '', steps: newer });
    items.push({ kind: 'row', at: row.decidedAt, row });
  }
  return rows.length === 0 ? [{ kind: 'steps', at: '', steps }] : items;
}

function rowOf(row: JournalRow): VNode {
  const {
    seq,
    transactionId,
    type,
    outcome,
    reason,
    requestedCents,
    amountCents,
    balanceAfterCents,
    decidedAt,
    order,
    road,
  } = row;
  const isApproved = outcome === 'APPROVED';
  return html`<li key=${`row ${seq}`} class="entry" data-seq=${seq}>
    <time datetime=${decidedAt} title=${decidedAt}>${clockTime(decidedAt)}</time>
    <span class="seq"><span class="hidden">number </span>${seq}</span>
    <span class="type">${type.toLowerCase()}</span>
    <span class=${`outcome ${isApproved ? 'approved' : 'rejected'}`} title=${reason ?? ''}
      >${isApproved ? 'approved' : (reason ?? 'rejected')}</span
    >
    <span class="amount"
      >${isApproved ? change(amountCents) : html`<s><span class="hidden">asked </span>${money(requestedCents)}</s>`}</span
    >
    <span class="balance"><span class="hidden">balance </span>${money(balanceAfterCents)}</span>
    <span class="where">
      ${
        transactionId === null
          ? html`<span class="quiet">opening</span>`
          : html`<a class="id" href=${`#/transaction/${transactionId}`} title=${`why: ${transactionId}`}
              >${shortId(transactionId)}</a
            >`
      }
      ${road !== 'delivery' && html`<span class="quiet"> by ${road}</span>`}
      ${order !== null && html`<span class="quiet"> ${order.operator}: ${order.why}</span>`}
    </span>
  </li>`;
}

const STEPS_SHOWN = 6;

function stepsOf(steps: readonly Step[]): VNode {
  const shown = steps.slice(-STEPS_SHOWN);
  const more = steps.length - shown.length;
  return html`<li key=${`steps ${shown[0]?.n ?? 0}`} class="steps" aria-label="Steps of the statechart">
    ${more > 0 && html`<span class="quiet">${more} earlier … </span>`}
    ${shown.map(
      ({ n, event, after }) =>
        html`<span key=${n} class="step"
          ><i>${event}</i> → ${(after.at(-1) ?? '').replace(/^account\.(active\.)?/, '')}</span
        >`,
    )}
  </li>`;
}
