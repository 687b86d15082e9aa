/** Turns whatever was thrown into an `Error`, keeping it as the cause where it was none. */
export function ensureError(thrown: unknown): Error {
  if (thrown instanceof Error) return thrown;
  return new Error(`not an Error was thrown: ${String(thrown)}`, { cause: thrown });
}
