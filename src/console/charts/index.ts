import type { Chart } from './chart.ts';
import { accountChart } from './drawn/account.ts';
import { connectionChart } from './drawn/connection.ts';
import { nodeChart } from './drawn/node.ts';
import { shardChart } from './drawn/shard.ts';

export type { Chart, ChartTransition, NestedState, StateKind } from './chart.ts';
export { CHART_STYLES } from './chart-styles.ts';
export { stateIdsOf } from './state-ids.ts';

const CHARTS = {
  account: accountChart,
  shard: shardChart,
  node: nodeChart,
  connection: connectionChart,
} as const;

export type ChartName = keyof typeof CHARTS;

/** In the order in which they are shown. */
export const CHART_NAMES = Object.keys(CHARTS) as readonly ChartName[];

/** `machineName` is the id of the machine: `account`, `shard`, `node` or `connection`. */
export function chartOf(machineName: ChartName): Chart {
  return CHARTS[machineName];
}
