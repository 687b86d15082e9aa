import { html } from 'htm/preact';
import type { VNode } from 'preact';
import type { BoundedCount, Waiting } from '../../../contracts/console.ts';
import { ageOf, count } from '../format.ts';

const LISTS = [
  { key: 'deadLetters', title: 'Dead letters', href: '#/dead-letters', nothing: 'Nothing was given up.' },
  { key: 'retries', title: 'Retries', href: '#/retries', nothing: 'Nothing is to be tried again.' },
  { key: 'parked', title: 'Parked', href: '#/parked', nothing: 'Nothing is set aside.' },
] as const;

/** What waits for a person or for its time, by reason. */
export function WaitingSummary({
  waiting,
  nowMs,
}: {
  readonly waiting: Waiting | null;
  readonly nowMs: number;
}): VNode {
  return html`<section class="panel" aria-labelledby="waiting-title">
    <h2 id="waiting-title">Waiting</h2>
    <div class="three">
      ${LISTS.map(
        ({ key, title, href, nothing }) =>
          html`<div key=${key} data-waiting=${key}>
            <h3><a href=${href}>${title}</a> <b class="number">${total(waiting?.[key])}</b></h3>
            ${reasons(waiting?.[key] ?? null, nothing, nowMs)}
          </div>`,
      )}
    </div>
  </section>`;
}

const total = (counted: BoundedCount | undefined): string =>
  counted === undefined ? '–' : `${count(counted.count)}${counted.more ? '+' : ''}`;

function reasons(counted: BoundedCount | null, nothing: string, nowMs: number): VNode {
  if (counted === null) return html`<p class="quiet">not known yet</p>`;
  if (counted.count === 0) return html`<p class="quiet">${nothing}</p>`;
  return html`<ul class="named">
      ${counted.reasons.map(
        ({ reason, count: number }) =>
          html`<li key=${reason}>
            <span class="code" title=${reason}>${reason}</span><b>${count(number)}</b>
          </li>`,
      )}
    </ul>
    ${counted.oldest !== null && html`<p class="quiet">the oldest for ${ageOf(counted.oldest, nowMs)}</p>`}`;
}
