import { html } from 'htm/preact';
import type { VNode } from 'preact';
import type { Seen } from '../feed.ts';
import { AccountLists } from '../parts/account-lists.ts';
import { HealthStrip } from '../parts/health-strip.ts';
import { NodeTable } from '../parts/node-table.ts';
import { Plots } from '../parts/plots.ts';
import { ShardMap } from '../parts/shard-map.ts';
import { WaitingSummary } from '../parts/waiting-summary.ts';

/** Is money moving, where is it stuck, why? */
export function Overview({ seen }: { readonly seen: Seen }): VNode {
  const { state, shards, points } = seen;
  const names = (state?.nodes ?? []).map(({ nodeId }) => nodeId);
  const nowMs = state === null ? Date.now() : Date.parse(state.at);
  return html`
    <h1 class="hidden">Overview of the cluster</h1>
    <${HealthStrip} items=${state?.health ?? null} />
    <${NodeTable} nodes=${state?.nodes ?? null} />
    <${ShardMap} shards=${shards} names=${names} nowMs=${nowMs} />
    <${Plots} points=${points} />
    <${AccountLists} accounts=${state?.accounts ?? null} />
    <${WaitingSummary} waiting=${state?.waiting ?? null} nowMs=${nowMs} />
  `;
}
