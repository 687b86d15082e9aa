import { html } from 'htm/preact';
import type { VNode } from 'preact';
import type { ClusterState } from '../../../contracts/console.ts';
import { count, duration, shortId } from '../format.ts';

type Accounts = ClusterState['accounts'];

/** Of each list; their place is kept free, so that nothing below moves when they come and go. */
const NAMED_SHOWN = 5;

/** Where the active accounts are, which have the most to do, which wait the longest. */
export function AccountLists({ accounts }: { readonly accounts: Accounts | null }): VNode {
  return html`<section class="panel accounts" aria-labelledby="accounts-title">
    <h2 id="accounts-title">
      Accounts <span class="note">${accounts === null ? '–' : count(accounts.active)} active</span>
    </h2>
    <div class="three">
      <div>
        <h3>By state</h3>
        ${states(accounts)}
      </div>
      <div class="hot">
        <h3>Hot: most to do</h3>
        ${named(accounts?.hot ?? null, 'No account has anything waiting.')}
      </div>
      <div>
        <h3>Stuck: waiting over 2 s</h3>
        ${named(accounts?.stuck ?? null, 'No command waits that long.')}
      </div>
    </div>
  </section>`;
}

function states(accounts: Accounts | null): VNode {
  const found = Object.entries(accounts?.states ?? {}).sort(([, a], [, b]) => b - a);
  if (found.length === 0)
    return html`<p class="quiet">${accounts === null ? 'waiting for the node' : 'None is active.'}</p>`;
  const most = Math.max(...found.map(([, number]) => number));
  return html`<ul class="bars">
    ${found.map(
      ([state, number]) =>
        html`<li key=${state}>
          <span>${state.replace('active.', '')}</span><b>${count(number)}</b>
          <progress max=${most} value=${number} aria-hidden="true"></progress>
        </li>`,
    )}
  </ul>`;
}

function named(notes: Accounts['hot'] | null, nothing: string): VNode {
  if (notes === null || notes.length === 0)
    return html`<p class="quiet">${notes === null ? 'waiting for the node' : nothing}</p>`;
  return html`<ul class="named">
    ${notes.slice(0, NAMED_SHOWN).map(
      ({ accountId, nodeId, unanswered, ageMs, at }) =>
        html`<li key=${accountId}>
          <a class="id" href=${`#/account/${accountId}`} title=${accountId}>${shortId(accountId)}</a>
          <span class="quiet">${at.replace('active.', '')} · ${nodeId}</span>
          <b title="unanswered commands, age of the oldest">${count(unanswered)} · ${duration(ageMs)}</b>
        </li>`,
    )}
  </ul>`;
}
