import type { AnyMachineSnapshot, MachineContext } from 'xstate';
import type { ChartNode } from './chart-nodes.ts';

/** Where an actor is, as its snapshot says it. */
export interface Place {
  readonly nodes: readonly ChartNode[];
  readonly value: unknown;
  readonly tags: ReadonlySet<string>;
}

/** What no step of a chart like this changes in a snapshot. */
type Lasting = Readonly<
  Record<
    'machine' | 'children' | 'historyValue' | 'matches' | 'hasTag' | 'can' | 'getMeta' | 'toJSON',
    unknown
  >
>;

/**
 * Of an active actor. Written out, in XState's order: a copy of another snapshot with some fields replaced takes the engine four times
 * as long.
 */
export function snapshotIn(
  { value, tags, nodes }: Place,
  context: MachineContext,
  lasting: Lasting,
): AnyMachineSnapshot {
  const { machine, children, historyValue, matches, hasTag, can, getMeta, toJSON } = lasting;
  return {
    status: 'active',
    output: undefined,
    error: undefined,
    machine,
    context,
    _nodes: nodes,
    value,
    tags,
    children,
    historyValue,
    matches,
    hasTag,
    can,
    getMeta,
    toJSON,
  } as unknown as AnyMachineSnapshot;
}
