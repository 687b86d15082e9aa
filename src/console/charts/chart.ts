/** A statechart as the console shows it: a drawing, and the same as nested states. */
export interface Chart {
  /**
   * A whole `<svg>`, without colours: see `CHART_STYLES`. State boxes carry `data-state="<state id>"`, transitions
   * `data-edge="<source id>|<event>|<index>"`; whoever shows it sets `data-active` on them.
   */
  readonly svg: string;
  /** The machine itself, with everything inside it. */
  readonly states: readonly NestedState[];
}

export type StateKind = 'atomic' | 'compound' | 'parallel' | 'final' | 'history';

export interface NestedState {
  /** Path from the machine, such as `account.active.idle`. */
  readonly id: string;
  readonly name: string;
  readonly kind: StateKind;
  /** Where its parent begins. */
  readonly initial: boolean;
  readonly description: string | null;
  /** Names of the actions on the way in and out. */
  readonly entry: readonly string[];
  readonly exit: readonly string[];
  /** Names of what runs while it is active. */
  readonly invokes: readonly string[];
  readonly transitions: readonly ChartTransition[];
  readonly states: readonly NestedState[];
}

export interface ChartTransition {
  /** `<source id>|<event>|<index>`, as in the drawing. */
  readonly edge: string;
  /** As XState names it; `always` for one without event. */
  readonly event: string;
  /** For people: `after backoff`, `open failed`. */
  readonly label: string;
  readonly guard: string | null;
  /** State ids; none: it stays where it is. */
  readonly targets: readonly string[];
  readonly actions: readonly string[];
  readonly description: string | null;
}
