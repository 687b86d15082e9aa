import { html } from 'htm/preact';
import type { VNode } from 'preact';
import type { TransactionPage } from '../../../contracts/console.ts';
import { useFetched } from '../fetched.ts';
import { dateTime } from '../format.ts';

const AGAIN_MS = 2_000;
/** An id needs the room of two. */
const LONG = 24;

/** Why a transaction is what it is. */
export function TransactionView({ id }: { readonly id: string }): VNode {
  const found = useFetched<TransactionPage>(`/console/api/transaction/${id}`, AGAIN_MS);
  return html`
    <div class="title">
      <h1><span class="quiet">transaction</span> <span class="id">${id}</span></h1>
    </div>
    ${contents(found, id)}
  `;
}

function contents(found: ReturnType<typeof useFetched<TransactionPage>>, id: string): VNode {
  if (found.kind === 'loading') return html`<p class="panel quiet">asking the ledger</p>`;
  if (found.kind === 'failed') return html`<p class="panel" role="alert">${found.why}</p>`;
  if (found.kind === 'absent' || !found.value.known)
    return html`<p class="panel">
      Nothing is known of this transaction: no row, no decision, no retry, no dead letter.
    </p>`;
  const { sentence, facts, story, accountId } = found.value;
  return html`
    <section class="panel" aria-labelledby="why-title">
      <h2 id="why-title">Why</h2>
      <p class="sentence">${sentence}</p>
      <p class="command">
        <span class="quiet">the same in a terminal</span> <code>paygate transaction ${id}</code>
      </p>
    </section>
    <section class="panel facts" aria-label="Facts">
      <dl>
        ${
          accountId !== null &&
          html`<div class="wide">
            <dt>account</dt>
            <dd><a class="id" href=${`#/account/${accountId}`}>${accountId}</a></dd>
          </div>`
        }
        ${facts.map(
          ({ name, value }) =>
            html`<div key=${name} class=${value.length > LONG ? 'wide' : ''}>
              <dt>${name}</dt>
              <dd>${value}</dd>
            </div>`,
        )}
      </dl>
    </section>
    <section class="panel" aria-labelledby="story-title">
      <h2 id="story-title">What happened</h2>
      <ol class="story">
        ${story.map(
          ({ at, what, detail }) =>
            html`<li key=${at + what}>
              <time datetime=${at}>${dateTime(at)}</time><b>${what}</b><span>${detail}</span>
            </li>`,
        )}
      </ol>
    </section>
  `;
}
