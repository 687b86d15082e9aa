import { html } from 'htm/preact';
import type { VNode } from 'preact';
import { CHART_NAMES, chartOf } from '../chart-source.ts';
import { Statechart } from '../parts/statechart.ts';

const ABOUT = {
  account: 'One actor decides the commands of one account, in order, one commit at a time.',
  shard: 'How a node takes and gives up one of the 256 shards.',
  node: 'The life of a node, from its start to its end.',
  connection: 'A connection to a server that goes and comes back.',
} as const;

/** Every statechart of the project, drawn from the machines themselves. */
export function ChartsView({ name }: { readonly name: string }): VNode {
  const here = CHART_NAMES.find((one) => one === name) ?? 'account';
  return html`
    <h1>Statecharts</h1>
    <nav class="tabs" aria-label="Statecharts">
      ${CHART_NAMES.map((one) => html`<a href=${`#/charts/${one}`} aria-current=${one === here ? 'page' : null}>${one}</a>`)}
    </nav>
    <p class="quiet">${ABOUT[here]}</p>
    <section class="panel" aria-label=${`Statechart of ${here}`}>
      <${Statechart} key=${here} chart=${chartOf(here)} active=${[]} lastStep=${null} />
    </section>
  `;
}
