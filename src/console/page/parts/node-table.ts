import { html } from 'htm/preact';
import type { VNode } from 'preact';
import type { NodeRow } from '../../../contracts/console.ts';
import { count, duration, megabytes } from '../format.ts';
import { ownerClass } from './owner-colours.ts';

const HEAD = [
  ['Node', ''],
  ['State', ''],
  ['Uptime', 'n'],
  ['Heartbeat', 'n'],
  ['CPU', 'n'],
  ['Memory', 'n'],
  ['Loop p99', 'n'],
  ['Accounts', 'n'],
  ['Shards', 'n'],
  ['tx/s', 'n'],
  ['Mailbox', 'n'],
  ['Max', 'n'],
  ['Reads', ''],
] as const;

/** Who is there, and how. */
export function NodeTable({ nodes }: { readonly nodes: readonly NodeRow[] | null }): VNode {
  return html`<section class="panel" aria-labelledby="nodes-title">
    <h2 id="nodes-title">Nodes</h2>
    <div class="scroll" tabindex="0" role="region" aria-labelledby="nodes-title">
      <table class="nodes">
        <thead>
          <tr>
            ${HEAD.map(([title, kind]) => html`<th scope="col" class=${kind}>${title}</th>`)}
          </tr>
        </thead>
        <tbody>
          ${rowsOf(nodes)}
        </tbody>
      </table>
    </div>
  </section>`;
}

function rowsOf(nodes: readonly NodeRow[] | null): readonly VNode[] {
  const line = (words: string): VNode =>
    html`<tr class="empty">
      <td colspan=${HEAD.length}>${words}</td>
    </tr>`;
  if (nodes === null) return [line('waiting for the node'), line(''), line('')];
  if (nodes.length === 0) return [line('No node is known.')];
  const names = nodes.map(({ nodeId }) => nodeId);
  return nodes.map((node) => row(node, names));
}

function row(node: NodeRow, names: readonly string[]): VNode {
  const { nodeId, incarnation, state, shards, reads, heartbeatAgeMs, figures, decidedPerSecond } = node;
  const told = <T>(value: T | null | undefined, words: (value: T) => string): string =>
    value === null || value === undefined ? '–' : words(value);
  return html`<tr key=${incarnation} data-node=${nodeId}>
    <th scope="row" title=${`run ${incarnation}`}>
      <i class=${`swatch ${ownerClass(nodeId, names)}`}></i>${nodeId}
    </th>
    <td>
      <span class=${`state state-${state}`}
        >${figures === null || state !== 'working' ? state : figures.status}</span
      >
    </td>
    <td class="n">${told(figures, ({ uptimeSeconds }) => duration(uptimeSeconds * 1_000))}</td>
    <td class="n">${told(heartbeatAgeMs, (ms) => `${(ms / 1_000).toFixed(1)} s`)}</td>
    <td class="n">${told(figures, ({ cpuPercent }) => `${cpuPercent.toFixed(0)} %`)}</td>
    <td class="n">${told(figures, ({ residentBytes }) => megabytes(residentBytes))}</td>
    <td class="n">${told(figures, ({ loopP99Ms }) => `${loopP99Ms.toFixed(0)} ms`)}</td>
    <td class="n">${told(figures, ({ accounts }) => count(accounts))}</td>
    <td class="n">${count(shards)}</td>
    <td class="n">${told(decidedPerSecond, (rate) => count(Math.round(rate)))}</td>
    <td class="n">${told(figures, ({ mailboxTotal }) => count(mailboxTotal))}</td>
    <td class="n">${told(figures, ({ mailboxMax }) => count(mailboxMax))}</td>
    <td class="reads">${reads.length === 0 ? '–' : reads.join(', ')}</td>
  </tr>`;
}
