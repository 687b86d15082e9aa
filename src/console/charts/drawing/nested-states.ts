import type { AnyStateMachine, AnyStateNode } from 'xstate';
import type { ChartTransition, NestedState, StateKind } from '../chart.ts';

/** A machine as plain nested states. Asks the machine, not its configuration: what XState makes of it is what runs. */
export function nestedStates(machine: AnyStateMachine): NestedState {
  return nestedState(machine.root);
}

function nestedState(node: AnyStateNode): NestedState {
  const children = Object.values(node.states);
  return {
    id: node.id,
    name: node.key,
    kind: kindOf(node),
    initial: isInitial(node),
    description: node.description ?? null,
    entry: namesOf(node.entry),
    exit: namesOf(node.exit),
    invokes: node.invoke.map(({ src }) => nameOf(src)),
    transitions: transitionsOf(node),
    states: children.map(nestedState),
  };
}

function kindOf(node: AnyStateNode): StateKind {
  // A machine without states is one state itself.
  return node.type;
}

function isInitial(node: AnyStateNode): boolean {
  return node.parent?.initial.target.includes(node) ?? true;
}

function transitionsOf(node: AnyStateNode): readonly ChartTransition[] {
  const byEvent = [...node.transitions.entries(), ['', node.always ?? []] as const];
  return byEvent.flatMap(([event, definitions]) =>
    definitions.map((definition, index): ChartTransition => ({
      edge: `${node.id}|${eventName(event)}|${String(index)}`,
      event: eventName(event),
      label: labelOf(node, event),
      guard: definition.guard === undefined ? null : nameOf(definition.guard),
      targets: (definition.target ?? []).map(({ id }) => id),
      actions: namesOf(definition.actions),
      description: definition.description ?? null,
    })),
  );
}

const eventName = (event: string): string => (event === '' ? 'always' : event);

const DONE = 'xstate.done.actor.';
const FAILED = 'xstate.error.actor.';

function labelOf(node: AnyStateNode, event: string): string {
  const delayed = node.after.find(({ eventType }) => eventType === event);
  if (delayed !== undefined) return `after ${String(delayed.delay)}`;
  if (event === `xstate.done.state.${node.id}`) return 'done';
  const invoked = (id: string): string => nameOf(node.invoke.find((other) => other.id === id)?.src ?? id);
  if (event.startsWith(DONE)) return `${invoked(event.slice(DONE.length))} done`;
  if (event.startsWith(FAILED)) return `${invoked(event.slice(FAILED.length))} failed`;
  return eventName(event);
}

function namesOf(parts: readonly unknown[]): readonly string[] {
  return parts.map(nameOf).filter((name) => name !== '');
}

/** The name that people gave it; none: an inline function, or one of XState's own. */
function nameOf(part: unknown): string {
  if (typeof part === 'string') return part;
  if (typeof part === 'object' && part !== null && 'type' in part && typeof part.type === 'string')
    return part.type;
  return '';
}
