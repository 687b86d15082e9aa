import { html } from 'htm/preact';
import type { VNode } from 'preact';
import type { HealthItem, HealthLevel } from '../../../contracts/console.ts';

const WORDS = {
  green: 'well',
  amber: 'look at it',
  red: 'act on it',
  unknown: 'not known',
} as const satisfies Record<HealthLevel, string>;

const TITLES = ['Nodes', 'Shards', 'Servers', 'Oldest command', 'Dead letters', 'Balances'];

/** Six lights, each with its reason in words. null: not heard of yet; the places are there already. */
export function HealthStrip({ items }: { readonly items: readonly HealthItem[] | null }): VNode {
  return html`<section aria-labelledby="health-title">
    <h2 id="health-title" class="hidden">Health</h2>
    <ul class="health">
      ${items === null ? TITLES.map((title) => waitingCard(title)) : items.map((item) => card(item))}
    </ul>
  </section>`;
}

function card({ id, title, level, value, why }: HealthItem): VNode {
  return html`<li key=${id} class="card health-${level}" data-health=${id}>
    <h3><i class="light" aria-hidden="true"></i>${title}<span class="hidden">: ${WORDS[level]}</span></h3>
    <p class="value">${value}</p>
    <p class="why" title=${why}>${why}</p>
  </li>`;
}

function waitingCard(title: string): VNode {
  return html`<li key=${title} class="card health-unknown">
    <h3><i class="light" aria-hidden="true"></i>${title}</h3>
    <p class="value">–</p>
    <p class="why">waiting for the node</p>
  </li>`;
}
