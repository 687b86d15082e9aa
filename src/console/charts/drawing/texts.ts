import type { ChartTransition, NestedState } from '../chart.ts';

/** What is written where, and how large, in pixels. */
export const FONT = { name: 14, line: 11, label: 11 } as const;
export const LINE = { height: 16, label: 14 } as const;

export type LineKind = 'name' | 'part' | 'internal';

export interface TextLine {
  readonly kind: LineKind;
  readonly text: string;
  readonly size: number;
  /** Of a transition without a line of its own in the drawing. */
  readonly transition: ChartTransition | null;
}

/** Inside a state's box, from the top. */
export function linesOf(state: NestedState): readonly TextLine[] {
  const part = (text: string): TextLine => ({ kind: 'part', text, size: FONT.line, transition: null });
  return [
    { kind: 'name', text: state.name, size: FONT.name, transition: null },
    ...state.invokes.map((name) => part(`runs ${name}`)),
    ...(state.entry.length === 0 ? [] : [part(`enter / ${state.entry.join(', ')}`)]),
    ...(state.exit.length === 0 ? [] : [part(`leave / ${state.exit.join(', ')}`)]),
    ...state.transitions.filter((transition) => !leaves(state, transition)).map(internalLine),
  ];
}

/** Whether it is drawn as a line. One that stays where it is, or goes inside, is written into the box: lines from there only confuse. */
export function leaves(state: NestedState, { targets }: ChartTransition): boolean {
  return targets.some((target) => !`${target}.`.startsWith(`${state.id}.`));
}

function internalLine(transition: ChartTransition): TextLine {
  const [target] = transition.targets;
  const goesTo = target === undefined ? '' : ` → ${target.slice(target.lastIndexOf('.') + 1)}`;
  const actions = transition.actions.length === 0 ? '' : ` / ${transition.actions.join(', ')}`;
  return {
    kind: 'internal',
    text: `${transitionText(transition)}${actions}${goesTo}`,
    size: FONT.line,
    transition,
  };
}

/** `command.arrived [somethingWaits]` */
export function transitionText({ label, guard }: ChartTransition): string {
  if (guard === null) return label;
  return label === 'always' ? `[${guard}]` : `${label} [${guard}]`;
}

export const initialDotId = (stateId: string): string => `${stateId}|initial`;
