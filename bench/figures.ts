/** What is measured, and in which unit. One name, one meaning, in all cases. */
export const FIGURES = {
  txPerSecond: { title: 'throughput', unit: 'tx/s', decimals: 0, better: 'higher' },
  seconds: { title: 'time', unit: 's', decimals: 1, better: 'lower' },
  settleMs: { title: 'last decision → nothing left to do', unit: 'ms', decimals: 0, better: 'lower' },
  nodeCpuUs: { title: 'CPU of the nodes', unit: 'µs/tx', decimals: 0, better: 'lower' },
  postgresCpuUs: { title: 'CPU of PostgreSQL', unit: 'µs/tx', decimals: 0, better: 'lower' },
  rabbitmqCpuUs: { title: 'CPU of RabbitMQ', unit: 'µs/tx', decimals: 0, better: 'lower' },
  redisCpuUs: { title: 'CPU of Redis', unit: 'µs/tx', decimals: 0, better: 'lower' },
  totalCpuUs: { title: 'CPU of all', unit: 'µs/tx', decimals: 0, better: 'lower' },
  nodeCpuPercent: { title: 'CPU of the busiest node', unit: '% of a core', decimals: 0, better: 'lower' },
  peakResidentMb: { title: 'peak memory of the largest node', unit: 'MB', decimals: 0, better: 'lower' },
  shardMoves: { title: 'shards that moved meanwhile', unit: '', decimals: 0, better: 'lower' },
  offeredPerSecond: { title: 'offered', unit: 'tx/s', decimals: 0, better: 'higher' },
  sendLagP99Ms: { title: 'sent too late (in the figures) p99', unit: 'ms', decimals: 1, better: 'lower' },
  commitP50Ms: { title: 'publish → commit p50', unit: 'ms', decimals: 1, better: 'lower' },
  commitP95Ms: { title: 'publish → commit p95', unit: 'ms', decimals: 1, better: 'lower' },
  commitP99Ms: { title: 'publish → commit p99', unit: 'ms', decimals: 1, better: 'lower' },
  commitP999Ms: { title: 'publish → commit p99.9', unit: 'ms', decimals: 1, better: 'lower' },
  commitCallP99Ms: { title: 'whole commit calls p99', unit: 'ms', decimals: 1, better: 'lower' },
  readableP50Ms: { title: 'publish → readable p50', unit: 'ms', decimals: 1, better: 'lower' },
  readableP95Ms: { title: 'publish → readable p95', unit: 'ms', decimals: 1, better: 'lower' },
  readableP99Ms: { title: 'publish → readable p99', unit: 'ms', decimals: 1, better: 'lower' },
  readableP999Ms: { title: 'publish → readable p99.9', unit: 'ms', decimals: 1, better: 'lower' },
  readP50Ms: { title: 'read p50', unit: 'ms', decimals: 2, better: 'lower' },
  readP99Ms: { title: 'read p99', unit: 'ms', decimals: 2, better: 'lower' },
} as const satisfies Readonly<Record<string, FigureInfo>>;

export interface FigureInfo {
  readonly title: string;
  readonly unit: string;
  readonly decimals: number;
  readonly better: 'higher' | 'lower';
}

export type FigureName = keyof typeof FIGURES;
/** What one run has measured. */
export type Figures = Readonly<Partial<Record<FigureName, number>>>;
