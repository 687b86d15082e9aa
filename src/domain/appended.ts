/**
 * Appends to a list that is the caller's alone; returns the one to go on with.
 *
 * V8 gives a list that grows from nothing 17 places, 152 bytes, and one that begins with its first item just that place. Most lists on
 * the way of a command never get a second item.
 */
export function appended<T>(list: T[], item: T): T[] {
  if (list.length === 0) return [item];
  list.push(item);
  return list;
}
