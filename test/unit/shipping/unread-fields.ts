/**
 * What a check of a document did not look at: fields that its schema does not know, such as misspelt ones. Kubernetes' own schemas
 * let those through.
 */
export interface Watched<T> {
  /** The document, to be given to the check. */
  readonly document: T;
  /** Paths such as `spec.replcas`, in the order of the document. */
  readonly unread: () => readonly string[];
}

/** Whatever the check reads of the document is remembered by path. Of a value nobody looks into only the whole counts. */
export function watchReads<T extends object>(document: T): Watched<T> {
  const read = new Set<string>();
  return {
    document: watched(document, '', read) as T,
    unread: () => [...pathsOf(document, '')].filter((path) => !read.has(path)),
  };
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null;

const below = (path: string, key: string): string => (path === '' ? key : `${path}.${key}`);

function watched(value: unknown, path: string, read: Set<string>): unknown {
  if (!isObject(value)) return value;
  return new Proxy(value, {
    get: (target, key) => {
      const inner: unknown = Reflect.get(target, key);
      if (typeof key !== 'string' || !Object.hasOwn(target, key)) return inner;
      read.add(below(path, key));
      return watched(inner, below(path, key), read);
    },
  });
}

function* pathsOf(value: unknown, path: string): Generator<string> {
  if (!isObject(value)) return;
  for (const [key, inner] of Object.entries(value)) {
    yield below(path, key);
    yield* pathsOf(inner, below(path, key));
  }
}
