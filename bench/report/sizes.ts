import type { Figures } from '../figures.ts';
import type { SuiteReport } from './suite-report.ts';

/**
 * What an installation of a given rate needs, worked out from what a transaction costs in CPU: the table of docs/SCALING.md. All of it is
 * proportion. It says nothing of what only shows at a size that nobody has measured.
 */

/** Transactions per second, in the hours that count. */
const RATES = [100, 1_000, 5_000, 10_000, 20_000, 50_000];
/** Of a core, so that a backlog goes away and the node that is missing does not matter. */
const USED_SHARE = 0.7;
/** A queue is one process of RabbitMQ, and its reader one thread: from here on a second one. */
const QUEUE_PER_SECOND = 10_000;
/** All tables and indexes, of the bench's ledger of 20 million rows. */
const BYTES_PER_TRANSACTION = 1_600;
const DAY_SECONDS = 86_400;

const CPU = ['nodeCpuUs', 'postgresCpuUs', 'rabbitmqCpuUs', 'redisCpuUs'] as const;

export interface Size {
  readonly ratePerSecond: number;
  /** Processes of one core each; one of them may be missing. */
  readonly nodes: number;
  readonly postgresCores: number;
  readonly rabbitmqCores: number;
  readonly redisCores: number;
  /** Partitions of `transactions_queue`. */
  readonly queues: number;
  /** Of growth a day, were it the rate all day. */
  readonly gigabytesADay: number;
}

export function sizeFor(
  ratePerSecond: number,
  perTransaction: Required<Pick<Figures, (typeof CPU)[number]>>,
): Size {
  const cores = (us: number): number => (ratePerSecond * us) / 1e6 / USED_SHARE;
  return {
    ratePerSecond,
    nodes: Math.ceil(cores(perTransaction.nodeCpuUs)) + 1,
    postgresCores: cores(perTransaction.postgresCpuUs),
    rabbitmqCores: cores(perTransaction.rabbitmqCpuUs),
    redisCores: cores(perTransaction.redisCpuUs),
    queues: Math.ceil(ratePerSecond / QUEUE_PER_SECOND),
    gigabytesADay: (ratePerSecond * DAY_SECONDS * BYTES_PER_TRANSACTION) / 1e9,
  };
}

/** From the case `nodes` of a kept report: its variant with the most nodes. Throws where it was not measured. */
export function sizesMarkdown(report: SuiteReport): string {
  const variant = report.cases.find(({ name }) => name === 'nodes')?.variants.at(-1);
  const [nodeCpuUs, postgresCpuUs, rabbitmqCpuUs, redisCpuUs] = CPU.map(
    (name) => variant?.summaries[name]?.median,
  );
  if (
    nodeCpuUs === undefined ||
    postgresCpuUs === undefined ||
    rabbitmqCpuUs === undefined ||
    redisCpuUs === undefined
  )
    throw new Error('the report has no case `nodes`: npm run bench -- nodes');
  const perTransaction = { nodeCpuUs, postgresCpuUs, rabbitmqCpuUs, redisCpuUs };
  const costs = Object.values(perTransaction).map((us) => us.toFixed(0));
  return [
    '| tx/s | nodes | cores: PostgreSQL | RabbitMQ | Redis | queues | GB a day |',
    '| ---: | ---: | ---: | ---: | ---: | ---: | ---: |',
    ...RATES.map((rate) => row(sizeFor(rate, perTransaction))),
    '',
    `From ${report.startedAt.slice(0, 10)}, ${variant?.name ?? ''}: µs of CPU per transaction of nodes, PostgreSQL, RabbitMQ, Redis: ${costs.join(', ')}.`,
  ].join('\n');
}

function row(size: Size): string {
  const cores = [size.postgresCores, size.rabbitmqCores, size.redisCores].map((count) => count.toFixed(1));
  const rate = size.ratePerSecond.toLocaleString('en-US');
  const gigabytes = Math.round(size.gigabytesADay).toLocaleString('en-US');
  return `| ${[rate, size.nodes, ...cores, size.queues, gigabytes].join(' | ')} |`;
}
