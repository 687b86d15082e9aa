import type {
  AccountPage,
  ClusterPoint,
  ClusterState,
  FeedEventName,
  FeedEvents,
  ShardCell,
} from '../../contracts/console.ts';

export type Link =
  /** Asked, no answer yet. */
  | 'connecting'
  | 'live'
  /** The node does not answer, or says nothing for too long. What is shown is old. */
  | 'lost';

/** What the page knows at the moment. */
export interface Seen {
  readonly link: Link;
  /** Why there is no stream, as the node puts it; null: it is there, or the node says nothing at all. */
  readonly refusal: string | null;
  readonly state: ClusterState | null;
  readonly shards: readonly ShardCell[];
  /** Oldest first. */
  readonly points: readonly ClusterPoint[];
  /** `absent`: there is no such account. */
  readonly account: AccountPage | 'loading' | 'absent';
}

const NAMES: readonly FeedEventName[] = ['state', 'points', 'shards', 'account'];
const SECONDS_MAX = 300;
const SILENCE_MS = 4_000;
/** A connection that says nothing for so long may be to nobody: a new one is made. */
const GIVEN_UP_MS = 12_000;
const AGAIN_AFTER_MS = 1_500;

/**
 * The one stream of this page.
 *
 * Owns the connection and what came over it. It comes back by itself, and asks for what it missed only.
 */
export class Feed {
  #seen: Seen = {
    link: 'connecting',
    refusal: null,
    state: null,
    shards: [],
    points: [],
    account: 'loading',
  };
  #accountId: string | null = null;
  #source: EventSource | null = null;
  #again: number | undefined;
  #lastHeardMs = 0;
  readonly #listeners = new Set<(seen: Seen) => void>();

  constructor() {
    setInterval(() => this.#checkSilence(), 1_000);
    // A page that comes back from sleep has an old connection.
    addEventListener('online', () => this.#open());
  }

  get seen(): Seen {
    return this.#seen;
  }

  listen(listener: (seen: Seen) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** The account that the page shows; null: none. Opens the stream. */
  follow(accountId: string | null): void {
    if (this.#source !== null && accountId === this.#accountId) return;
    this.#accountId = accountId;
    this.#note({ account: 'loading' });
    this.#open();
  }

  #open(): void {
    clearTimeout(this.#again);
    this.#source?.close();
    const query = new URLSearchParams({ since: String(this.#seen.points.at(-1)?.second ?? 0) });
    if (this.#accountId !== null) query.set('account', this.#accountId);
    const url = `/console/api/stream?${query.toString()}`;
    const source = new EventSource(url);
    this.#source = source;
    source.onopen = () => (this.#lastHeardMs = performance.now());
    for (const name of NAMES) {
      source.addEventListener(name, (event) => {
        if (source === this.#source) this.#heard(name, JSON.parse((event as MessageEvent<string>).data));
      });
    }
    source.onerror = () => {
      if (source === this.#source) this.#lost(source, url);
    };
  }

  #lost(source: EventSource, url: string): void {
    this.#note({ link: this.#seen.state === null ? 'connecting' : 'lost' });
    if (source.readyState !== EventSource.CLOSED) return;
    // It was refused, and the stream itself cannot say why.
    void explainRefusal(url).then((refusal) => {
      if (source === this.#source) this.#note({ refusal, link: 'lost' });
    });
    clearTimeout(this.#again);
    this.#again = setTimeout(() => this.#open(), AGAIN_AFTER_MS);
  }

  #heard(name: FeedEventName, data: unknown): void {
    this.#lastHeardMs = performance.now();
    const live = { link: 'live', refusal: null } as const;
    switch (name) {
      case 'state':
        this.#note({ ...live, state: data as FeedEvents['state'] });
        break;
      case 'shards':
        this.#note({ ...live, shards: data as FeedEvents['shards'] });
        break;
      case 'points':
        this.#note({ ...live, points: merged(this.#seen.points, data as FeedEvents['points']) });
        break;
      case 'account':
        this.#note({ ...live, account: (data as FeedEvents['account']) ?? 'absent' });
        break;
    }
  }

  #checkSilence(): void {
    const silentMs = performance.now() - this.#lastHeardMs;
    if (this.#seen.link === 'live' && silentMs > SILENCE_MS) this.#note({ link: 'lost' });
    if (silentMs > GIVEN_UP_MS && this.#source?.readyState === EventSource.OPEN) this.#open();
  }

  #note(news: Partial<Seen>): void {
    this.#seen = { ...this.#seen, ...news };
    for (const listener of this.#listeners) listener(this.#seen);
  }
}

/** Seconds that are known better now take the place of what was there. */
function merged(old: readonly ClusterPoint[], news: readonly ClusterPoint[]): readonly ClusterPoint[] {
  const points = new Map([...old, ...news].map((point) => [point.second, point]));
  return [...points.values()].sort((a, b) => a.second - b.second).slice(-SECONDS_MAX);
}

async function explainRefusal(url: string): Promise<string | null> {
  const gone = new AbortController();
  try {
    const answer = await fetch(url, { signal: gone.signal });
    if (answer.ok) return null;
    return ((await answer.json()) as { readonly error?: string }).error ?? null;
  } catch {
    // Nobody answers: the page says so.
    return null;
  } finally {
    gone.abort();
  }
}
