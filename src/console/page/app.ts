import { html } from 'htm/preact';
import type { VNode } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { Feed, type Seen } from './feed.ts';
import { Banner } from './parts/banner.ts';
import { Search } from './parts/search.ts';
import { ThemeSwitch } from './parts/theme-switch.ts';
import { hashOf, useRoute, type Route } from './route.ts';
import { AccountView } from './views/account.ts';
import { ChartsView } from './views/charts.ts';
import { Overview } from './views/overview.ts';
import { TransactionView } from './views/transaction.ts';
import { WaitingView } from './views/waiting.ts';

const feed = new Feed();

function useSeen(accountId: string | null): Seen {
  const [seen, setSeen] = useState(feed.seen);
  useEffect(() => feed.listen(setSeen), []);
  useEffect(() => feed.follow(accountId), [accountId]);
  return seen;
}

/** The whole page. */
export function App(): VNode {
  const route = useRoute();
  const seen = useSeen(route.kind === 'account' ? route.id : null);
  const main = useRef<HTMLElement>(null);
  const isFirst = useRef(true);
  useEffect(() => {
    document.title = `${titleOf(route)} · PayGateway console`;
    // A new view is read from its beginning, also by who hears it; the first one has the focus where the browser put it.
    if (!isFirst.current) main.current?.focus({ preventScroll: true });
    if (!isFirst.current) scrollTo(0, 0);
    isFirst.current = false;
  }, [hashOf(route)]);
  return html`
    <a class="skip" href="#main" onClick=${(event: Event) => skipTo(event, main.current)}
      >Skip to the content</a
    >
    <header class="top">
      <a class="brand" href="#/" aria-label="PayGateway console, overview"
        ><span class="mark"></span>PayGateway</a
      >
      <nav aria-label="Views">${LINKS.map((link) => navLink(link, route))}</nav>
      <${Search} />
      <${LinkState} seen=${seen} />
      <${ThemeSwitch} />
    </header>
    <${Banner} seen=${seen} />
    <main id="main" tabindex="-1" ref=${main} class=${seen.link === 'lost' ? 'is-stale' : ''}>
      ${viewOf(route, seen)}
    </main>
    <footer>
      Reads only; the commands shown are for a terminal. Times in UTC. <kbd>/</kbd> searches,${' '}
      <kbd>Esc</kbd> goes back.
    </footer>
  `;
}

function skipTo(event: Event, place: HTMLElement | null): void {
  event.preventDefault();
  place?.focus();
}

const LINKS: readonly { readonly route: Route; readonly title: string }[] = [
  { route: { kind: 'overview' }, title: 'Overview' },
  { route: { kind: 'waiting', list: 'dead-letters' }, title: 'Waiting' },
  { route: { kind: 'charts', name: 'account' }, title: 'Statecharts' },
];

function navLink({ route, title }: (typeof LINKS)[number], current: Route): VNode {
  const isHere = route.kind === current.kind;
  return html`<a href=${hashOf(route)} aria-current=${isHere ? 'page' : null}>${title}</a>`;
}

function titleOf(route: Route): string {
  if (route.kind === 'account' || route.kind === 'transaction')
    return `${route.kind} ${route.id.slice(0, 8)}`;
  if (route.kind === 'waiting') return route.list;
  return route.kind === 'charts' ? 'Statecharts' : 'Overview';
}

function viewOf(route: Route, seen: Seen): VNode {
  switch (route.kind) {
    case 'overview':
      return html`<${Overview} seen=${seen} />`;
    case 'account':
      return html`<${AccountView} key=${route.id} id=${route.id} seen=${seen} />`;
    case 'transaction':
      return html`<${TransactionView} key=${route.id} id=${route.id} />`;
    case 'waiting':
      return html`<${WaitingView} key=${route.list} list=${route.list} seen=${seen} />`;
    case 'charts':
      return html`<${ChartsView} name=${route.name} />`;
  }
}

function LinkState({ seen }: { readonly seen: Seen }): VNode {
  const words = { connecting: 'connecting', live: 'live', lost: 'not live' }[seen.link];
  const by = seen.state === null ? '' : ` · ${seen.state.servedBy}`;
  return html`<span class="link-state link-${seen.link}" role="status"
    ><i></i>${words}<span class="by">${by}</span></span
  >`;
}
