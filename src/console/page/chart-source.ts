import { CHART_NAMES, CHART_STYLES, chartOf, stateIdsOf } from '../charts/index.ts';
import type { Chart, ChartName, NestedState } from '../charts/index.ts';

export { CHART_NAMES, chartOf, stateIdsOf };
export type { Chart, ChartName, NestedState };

/** The drawings' own rules, as a style sheet: a style element would be refused. */
export function addChartStyles(): void {
  const sheet = new CSSStyleSheet();
  // First, so that ours decide the colours.
  sheet.replaceSync(CHART_STYLES);
  if (document.adoptedStyleSheets.length === 0) document.adoptedStyleSheets = [sheet];
}

/**
 * The transition that led from one set of states to another by this event; null: the drawing has none. Of several with
 * different guards it is the first that leads there.
 */
export function firedEdge(
  chart: Chart,
  event: string,
  before: readonly string[],
  after: readonly string[],
): string | null {
  // The innermost state that handles the event does.
  for (const id of [...before].reverse()) {
    const found = transitionsOf(chart.states, id).filter((transition) => transition.event === event);
    const arrived = found.find(({ targets }) => targets.some((target) => after.includes(target)));
    const chosen = arrived ?? found[0];
    if (chosen !== undefined) return chosen.edge;
  }
  return null;
}

function transitionsOf(states: readonly NestedState[], id: string): NestedState['transitions'] {
  for (const state of states) {
    if (state.id === id) return state.transitions;
    if (id.startsWith(`${state.id}.`)) return transitionsOf(state.states, id);
  }
  return [];
}
