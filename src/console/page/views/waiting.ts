import { html } from 'htm/preact';
import type { VNode } from 'preact';
import type { WaitingRow } from '../../../contracts/console.ts';
import type { Seen } from '../feed.ts';
import { useFetched, type Fetched } from '../fetched.ts';
import { ageOf, counted, shortId } from '../format.ts';
import type { WaitingList } from '../route.ts';

const AGAIN_MS = 2_000;

const LISTS: readonly {
  readonly list: WaitingList;
  readonly title: string;
  readonly nothing: string;
  readonly about: string;
}[] = [
  {
    list: 'dead-letters',
    title: 'Dead letters',
    nothing: 'Nothing was given up.',
    about: 'Messages that nobody could decide, newest first. Each waits for a person.',
  },
  {
    list: 'retries',
    title: 'Retries',
    nothing: 'Nothing is to be tried again.',
    about: 'Commands that come back by themselves, the next one first.',
  },
  {
    list: 'parked',
    title: 'Parked',
    nothing: 'Nothing is set aside.',
    about: 'Commands of accounts that are set aside, or of shards that nobody served.',
  },
];

/** What waits, row by row, with the command that deals with it. */
export function WaitingView({ list, seen }: { readonly list: WaitingList; readonly seen: Seen }): VNode {
  const found = useFetched<readonly WaitingRow[]>(`/console/api/${list}`, AGAIN_MS);
  const nowMs = seen.state === null ? Date.now() : Date.parse(seen.state.at);
  const here = LISTS.find((one) => one.list === list);
  return html`
    <h1>${here?.title}</h1>
    <nav class="tabs" aria-label="Lists">
      ${LISTS.map(
        (one) =>
          html`<a href=${`#/${one.list}`} aria-current=${one.list === list ? 'page' : null}
            >${one.title} <b>${countOf(one.list, seen)}</b></a
          >`,
      )}
    </nav>
    <p class="quiet">${here?.about}</p>
    ${rows(found, list, here?.nothing ?? '', nowMs)}
  `;
}

function countOf(list: WaitingList, { state }: Seen): string {
  const waiting = state?.waiting ?? null;
  if (waiting === null) return '–';
  const { count, more } = {
    'dead-letters': waiting.deadLetters,
    retries: waiting.retries,
    parked: waiting.parked,
  }[list];
  return `${count}${more ? '+' : ''}`;
}

function rows(
  found: Fetched<readonly WaitingRow[]>,
  list: WaitingList,
  nothing: string,
  nowMs: number,
): VNode {
  if (found.kind === 'loading') return html`<p class="panel quiet">asking the ledger</p>`;
  if (found.kind === 'failed') return html`<p class="panel" role="alert">${found.why}</p>`;
  if (found.kind === 'absent' || found.value.length === 0) return html`<p class="panel quiet">${nothing}</p>`;
  return html`<ul class="waiting">
    ${found.value.map((row) => html`<li key=${row.id} class="panel">${rowOf(row, list, nowMs)}</li>`)}
  </ul>`;
}

function rowOf(row: WaitingRow, list: WaitingList, nowMs: number): VNode {
  const { reason, detail, since, dueAt, queue, attempts, transactionId, accountId, payload } = row;
  const due = dueAt === null ? null : Date.parse(dueAt) - nowMs;
  return html`
    <p class="head">
      <b class="code">${reason}</b>
      <span class="quiet">
        for ${ageOf(since, nowMs)} ·
        ${queue}${attempts !== null && ` · ${counted(attempts, 'attempt', 'attempts')}`}
        ${due !== null && (due > 0 ? ` · again in ${Math.ceil(due / 1_000)} s` : ' · due now')}
      </span>
    </p>
    ${detail !== null && html`<p>${detail}</p>`}
    <p>
      ${transactionId !== null && html`transaction <a class="id" href=${`#/transaction/${transactionId}`} title=${transactionId}>${shortId(transactionId)}</a> `}
      ${accountId !== null && html`account <a class="id" href=${`#/account/${accountId}`} title=${accountId}>${shortId(accountId)}</a>`}
    </p>
    <p class="command"><span class="quiet">in a terminal</span> <code>${commandFor(row, list)}</code></p>
    <details>
      <summary>Payload, masked</summary>
      <pre>${payload}</pre>
    </details>
  `;
}

function commandFor({ id, accountId, transactionId }: WaitingRow, list: WaitingList): string {
  switch (list) {
    case 'dead-letters':
      return `paygate dead-letters replay ${id} --why '…'`;
    case 'retries':
      return `paygate transaction ${transactionId ?? id}`;
    case 'parked':
      return `paygate account ${accountId ?? ''} release --why '…'`;
  }
}
