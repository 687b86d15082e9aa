import { createLogUpdate } from 'log-update';
import { describePause } from '../describe-pause.ts';
import { bold, count, isTerminal, money, paint, print } from '../output.ts';
import type { Backstage } from './backstage.ts';
import type { Figures, NodeFigures } from './figures.ts';

export interface Sight {
  readonly elapsedMs: number;
  readonly published: number;
  /** null = until Ctrl-C. */
  readonly target: number | null;
  readonly figures: Figures;
  readonly backstage: Backstage;
  /** null: nobody kills nodes. */
  readonly kills: number | null;
  /** What happened to nodes, oldest first. */
  readonly events: readonly string[];
  /** Ctrl-C was pressed. */
  readonly isEnding: boolean;
  /** A few accounts, as Redis shows them; null = not in the cache yet. */
  readonly balances: readonly { readonly accountId: string; readonly cents: bigint | null }[];
}

/** Shows live figures: redrawn in place on a terminal, a line a second elsewhere. */
export interface Screen {
  show(sight: Sight): void;
  end(): void;
}

/** Said in the panel: whatever else is printed while it is drawn spoils it. */
export const ENDING = 'stopping: draining, then the audit (Ctrl-C again ends at once)';

const EVENTS_SHOWN = 3;
const REASONS_SHOWN = 3;
/** Off a terminal; every reading would be noise. */
const LINE_EVERY_MS = 1_000;

const ms = (value: number | null): string =>
  value === null ? '–' : `${value.toFixed(value < 10 ? 1 : 0)} ms`;

function rate(figures: Figures): string {
  return `${count(Math.round(figures.decidedPerSecond))} tx/s`;
}

const STATE_COLOURS = { up: 'green', starting: 'yellow', killed: 'red', ended: 'red' } as const;

function describeNode({ nodeId, state, restarts, ...node }: NodeFigures): string {
  const again = restarts === 0 ? '' : `   started again ${count(restarts)} ×`;
  return [
    nodeId,
    paint(STATE_COLOURS[state], state.padEnd(8)),
    `${count(node.shards).padStart(3)} shards`,
    `${count(Math.round(node.decidedPerSecond)).padStart(7)} tx/s`,
    `${node.residentMegabytes.toFixed(0).padStart(4)} MB${again}`,
  ].join('  ');
}

function panel(sight: Sight): string {
  const { figures, backstage } = sight;
  const target = sight.target === null ? '' : ` of ${count(sight.target)}`;
  const row = (label: string, value: string): string => `  ${label.padEnd(16)}${value}`;
  const { p50, p95, p99 } = figures.latencyMs;
  return [
    '',
    `${bold('PayGateway Processor')}  ${(sight.elapsedMs / 1_000).toFixed(0)} s`,
    row('published', `${count(sight.published)}${target} messages`),
    row('received', `${count(figures.received)} messages, ${queued(sight)} still queued`),
    row('approved', paint('green', count(figures.approved))),
    row('rejected', paint('yellow', count(figures.rejected))),
    row('duplicates', count(figures.duplicates)),
    row('retries', `${count(figures.deferred)} scheduled, ${count(backstage.retries)} waiting`),
    row('dead letters', describeDeadLetters(backstage)),
    row('flags', `${count(figures.flagged)} (rules that point at a payment and refuse none)`),
    row('rate', bold(rate(figures))),
    row('latency', `p50 ${ms(p50)}   p95 ${ms(p95)}   p99 ${ms(p99)}   (receipt to acknowledgement)`),
    row('accounts', `${count(figures.activeAccounts)} active`),
    ...figures.nodes.map((node, index) => row(index === 0 ? 'nodes' : '', describeNode(node))),
    row(
      'moves',
      `${count(backstage.moves)} shards${sight.kills === null ? '' : `, ${count(sight.kills)} kills`}`,
    ),
    ...describePause(backstage.pause).map((text) => row('intake', text)),
    ...sight.events.slice(-EVENTS_SHOWN).map((event) => row('', paint('gray', event))),
    ...sight.balances.map(({ accountId, cents }, index) =>
      row(
        index === 0 ? 'balances' : '',
        `${accountId}  ${(cents === null ? '–' : money(cents)).padStart(14)}`,
      ),
    ),
    '',
    paint('gray', `  ${sight.isEnding ? ENDING : 'Ctrl-C stops, drains and audits'}`),
  ].join('\n');
}

/** `12: 7 × BODY_NOT_JSON, …` */
export function describeDeadLetters({ deadLetters }: Backstage): string {
  const all = deadLetters.reduce((sum, { count: number }) => sum + number, 0);
  if (all === 0) return '0';
  const reasons = deadLetters.map(({ code, count: number }) => `${count(number)} × ${code}`);
  const shown = reasons.length > REASONS_SHOWN ? [...reasons.slice(0, REASONS_SHOWN), '…'] : reasons;
  return `${paint('red', count(all))}: ${shown.join(', ')}`;
}

/** On its way to the nodes. What the broker says of its queues is up to two seconds old. */
const queued = ({ published, figures }: Sight): string => count(Math.max(0, published - figures.received));

function line(sight: Sight): string {
  const { figures, backstage } = sight;
  return [
    `${(sight.elapsedMs / 1_000).toFixed(0).padStart(4)} s`,
    `published ${count(sight.published)}`,
    `received ${count(figures.received)}`,
    `approved ${count(figures.approved)}`,
    `rejected ${count(figures.rejected)}`,
    `duplicates ${count(figures.duplicates)}`,
    `retries ${count(figures.deferred)}`,
    `dead letters ${count(figures.deadLettered)}`,
    `flags ${count(figures.flagged)}`,
    rate(figures),
    `p99 ${ms(figures.latencyMs.p99)}`,
    `queued ${queued(sight)}`,
    `nodes ${figures.nodes.filter(({ state }) => state === 'up').length}/${figures.nodes.length}`,
    `shards ${figures.nodes.map(({ shards }) => shards).join('+')}`,
    ...(backstage.pause === null ? [] : ['intake PAUSED']),
  ].join('  ');
}

function lines(): Screen {
  let last: Sight | null = null;
  let shownMs = -Infinity;
  let shown = '';
  let toldCount = 0;
  const tell = (sight: Sight): void => {
    shownMs = sight.elapsedMs;
    shown = line(sight);
    for (const event of sight.events.slice(toldCount)) print(`       ${event}`);
    toldCount = sight.events.length;
    print(shown);
  };
  return {
    show(sight) {
      last = sight;
      if (sight.elapsedMs - shownMs >= LINE_EVERY_MS) tell(sight);
    },
    end() {
      // The last figures, unless they have been shown.
      if (last !== null && line(last) !== shown) tell(last);
    },
  };
}

export function createScreen(): Screen {
  if (!isTerminal()) return lines();
  const update = createLogUpdate(process.stdout);
  return { show: (sight) => update(panel(sight)), end: () => update.done() };
}
