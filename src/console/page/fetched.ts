import { useEffect, useState } from 'preact/hooks';

/** An answer of the node that is asked for once, or again and again. */
export type Fetched<T> =
  | { readonly kind: 'loading' }
  | { readonly kind: 'here'; readonly value: T }
  | { readonly kind: 'absent' }
  | { readonly kind: 'failed'; readonly why: string };

/** Asks again every `everyMs`; what is there stays until there is something newer. */
export function useFetched<T>(path: string, everyMs: number): Fetched<T> {
  const [fetched, setFetched] = useState<Fetched<T>>({ kind: 'loading' });
  useEffect(() => {
    const gone = new AbortController();
    setFetched({ kind: 'loading' });
    const ask = (): void => {
      void fetchJson<T>(path, gone.signal).then((answer) => {
        if (!gone.signal.aborted) setFetched(answer);
      });
    };
    ask();
    const timer = setInterval(ask, everyMs);
    return () => {
      clearInterval(timer);
      gone.abort();
    };
  }, [path, everyMs]);
  return fetched;
}

/** Never rejects. */
export async function fetchJson<T>(path: string, signal: AbortSignal): Promise<Fetched<T>> {
  try {
    const answer = await fetch(path, { signal });
    if (answer.status === 404) return { kind: 'absent' };
    const value: unknown = await answer.json();
    if (answer.ok) return { kind: 'here', value: value as T };
    return { kind: 'failed', why: (value as { readonly error?: string }).error ?? `status ${answer.status}` };
  } catch (error) {
    return { kind: 'failed', why: error instanceof Error ? error.message : 'the node does not answer' };
  }
}
