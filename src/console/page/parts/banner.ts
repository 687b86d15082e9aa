import { html } from 'htm/preact';
import type { VNode } from 'preact';
import type { Seen } from '../feed.ts';

/** What stands between the page and the truth, in words. Empty while all is well. */
export function Banner({ seen }: { readonly seen: Seen }): VNode {
  const lines = linesOf(seen);
  return html`<div class="banners" role="status">
    ${lines.map((line) => html`<p class="banner">${line}</p>`)} ${seen.link === 'lost' && otherConsoles(seen)}
  </div>`;
}

function linesOf({ link, refusal, state }: Seen): readonly string[] {
  const troubles = state?.troubles ?? [];
  const paused = state?.paused ?? null;
  const pause =
    paused === null
      ? []
      : [`Intake is paused by ${paused.operator}: ${paused.why}. Messages stay in RabbitMQ.`];
  if (link === 'live') return [...pause, ...troubles];
  if (refusal !== null) return [refusal];
  if (link === 'connecting') return [];
  const old = state === null ? '' : ` What you see is of ${state.at.slice(11, 19)}.`;
  return [`The node behind this page does not answer; trying again.${old}`];
}

/** Any node shows the whole cluster. */
function otherConsoles({ state }: Seen): VNode | null {
  const others = (state?.nodes ?? []).flatMap(({ nodeId, figures, address }) =>
    figures === null || address === null || nodeId === state?.servedBy ? [] : [{ nodeId, address }],
  );
  if (others.length === 0) return null;
  return html`<p class="banner">
    Other nodes show the same:
    ${others.map(({ nodeId, address }) => html` <a href=${`${address}/console${location.hash}`}>${nodeId}</a>`)}
  </p>`;
}
