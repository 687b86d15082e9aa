/** Base URL of the admin port, from the log of a node that has started; throws until it is there. */
export function addressIn(log: string): string {
  const found = /"address":"(https?:\/\/[^"]+)"[^\n]*"node started"/.exec(log)?.[1];
  if (found === undefined) throw new Error(`the node has not started yet:\n${log.slice(-2_000)}`);
  return found;
}
