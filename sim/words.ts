/** Of an id, as much as a story needs. */
export function short(id: string): string {
  return id.slice(0, 8);
}
