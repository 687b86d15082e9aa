const COLOURS = 9;

/** A node keeps its colour while the names are the same; more nodes than colours share them. */
export function ownerClass(nodeId: string, names: readonly string[]): string {
  const place = [...new Set(names)].sort().indexOf(nodeId);
  return place < 0 ? 'owner-none' : `owner-${place % COLOURS}`;
}
