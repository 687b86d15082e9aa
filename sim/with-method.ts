type Method<A extends unknown[], R> = (...args: A) => R;

/** What is to be called instead: `original` is bound to `self`. */
export type Replacement<S, A extends unknown[], R> = (original: Method<A, R>, self: S) => (...args: A) => R;

/** While `work` runs, calls of the method go through what `replace` makes of the original. */
export async function withMethod<S extends object, A extends unknown[], R, T>(
  prototype: S,
  name: string,
  replace: Replacement<S, A, R>,
  work: () => Promise<T>,
): Promise<T> {
  const original: unknown = Reflect.get(prototype, name);
  if (typeof original !== 'function') throw new Error(`there is no method ${name}`);
  Reflect.set(prototype, name, function (this: S, ...args: A): R {
    return replace((...given) => Reflect.apply(original, this, given) as R, this)(...args);
  });
  try {
    return await work();
  } finally {
    Reflect.set(prototype, name, original);
  }
}
