import { useEffect, useState } from 'preact/hooks';

export type WaitingList = 'dead-letters' | 'retries' | 'parked';

/** What the page shows; it stands behind the # of the address, so that a reload and a link lead to the same. */
export type Route =
  | { readonly kind: 'overview' }
  | { readonly kind: 'account'; readonly id: string }
  | { readonly kind: 'transaction'; readonly id: string }
  | { readonly kind: 'waiting'; readonly list: WaitingList }
  | { readonly kind: 'charts'; readonly name: string };

const LISTS: readonly WaitingList[] = ['dead-letters', 'retries', 'parked'];
const ID = /^[0-9a-f-]{36}$/;

export function routeOf(hash: string): Route {
  const [place = '', what = ''] = hash.replace(/^#\/?/, '').split('/');
  if ((place === 'account' || place === 'transaction') && ID.test(what)) return { kind: place, id: what };
  if (place === 'charts') return { kind: 'charts', name: what };
  const list = LISTS.find((name) => name === place);
  return list === undefined ? { kind: 'overview' } : { kind: 'waiting', list };
}

export function hashOf(route: Route): string {
  switch (route.kind) {
    case 'overview':
      return '#/';
    case 'account':
    case 'transaction':
      return `#/${route.kind}/${route.id}`;
    case 'waiting':
      return `#/${route.list}`;
    case 'charts':
      return `#/charts/${route.name}`;
  }
}

export function go(route: Route): void {
  location.hash = hashOf(route);
}

export function useRoute(): Route {
  const [hash, setHash] = useState(location.hash);
  useEffect(() => {
    const follow = (): void => setHash(location.hash);
    addEventListener('hashchange', follow);
    return () => removeEventListener('hashchange', follow);
  }, []);
  return routeOf(hash);
}
