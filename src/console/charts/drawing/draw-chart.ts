import type { AnyStateMachine } from 'xstate';
import type { Chart } from '../chart.ts';
import { layOut } from './layout.ts';
import { nestedStates } from './nested-states.ts';
import { toSvg } from './svg.ts';

/** The same machine gives the same drawing, everywhere. */
export async function drawChart(machine: AnyStateMachine): Promise<Chart> {
  const root = nestedStates(machine);
  return { svg: toSvg(root, await layOut(root)), states: [root] };
}
