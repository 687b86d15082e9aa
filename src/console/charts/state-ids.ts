/** Where a machine is, as its snapshot has it: a name, or names of regions with what they are in. */
export type StateValue = string | { readonly [state: string]: StateValue | undefined };

/**
 * The `data-state` ids that are active: `stateIdsOf('account', { active: 'idle' })` is `account`, `account.active`,
 * `account.active.idle`.
 */
export function stateIdsOf(machineId: string, value: StateValue): readonly string[] {
  if (typeof value === 'string') return [machineId, `${machineId}.${value}`];
  const inside = Object.entries(value).flatMap(([name, inner]) =>
    inner === undefined ? [] : stateIdsOf(`${machineId}.${name}`, inner),
  );
  return [machineId, ...inside];
}
