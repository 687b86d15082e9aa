import { cpus, totalmem } from 'node:os';
import { constrainedMemory } from 'node:process';
import { getHeapStatistics } from 'node:v8';
import { Gauge, Registry } from 'prom-client';
import type { LinkState } from '../ports/connection.ts';
import type { LedgerFigures } from './postgres/ledger-figures.ts';

/** What a node and its ledger look like at one moment. */
export interface NodeLook {
  readonly ready: boolean;
  readonly connections: Readonly<Record<string, { readonly state: LinkState; readonly open: number }>>;
  /** Account actors by the state of their chart. */
  readonly actors: ReadonlyMap<string, number>;
  /** Commands accepted by actors and not answered: in all, and of the account that has most. */
  readonly mailboxCommands: number;
  readonly mailboxCommandsMax: number;
  /** Of the oldest command that is not settled, wherever in the node it is; 0: there is none. */
  readonly oldestCommandAgeSeconds: number;
  /** Commands held while their shard changes hands. */
  readonly held: number;
  /** Commands of other nodes in our hands. */
  readonly taken: number;
  /** Shards that the directory gives to nobody; null: it was never read. */
  readonly shardsUnowned: number | null;
  readonly intakePaused: boolean;
  /** null: PostgreSQL did not answer in time. */
  readonly ledger: LedgerFigures | null;
}

const LINK_STATES: readonly LinkState[] = ['connecting', 'up', 'blocked', 'down'];

/**
 * Gauges that are set from a look at the node when somebody asks, and cost nothing in between. What the ledger would have
 * told is left out while it does not answer: an old figure would look like a present one.
 */
export class LookGauges {
  readonly #registry = new Registry();
  readonly #ready = this.#gauge('ready', 'Whether the node does its work (1) or not (0)');
  readonly #connections = this.#gauge('active_connections', 'Open connections, by server', ['server']);
  readonly #connectionState = this.#gauge('connection_state', '1 for the state the connection is in', [
    'server',
    'state',
  ]);
  readonly #actors = this.#gauge('actors', 'Account actors, by state of their statechart', ['state']);
  readonly #mailbox = this.#gauge('mailbox_commands', 'Commands that account actors have not answered');
  readonly #mailboxMax = this.#gauge('mailbox_commands_max', 'The same of the account that has most');
  readonly #oldest = this.#gauge(
    'oldest_command_age_seconds',
    'Age of the oldest command that waits for its decision',
  );
  readonly #held = this.#gauge('router_held', 'Commands held while their shard changes hands');
  readonly #taken = this.#gauge('forwards_taken', 'Commands of other nodes that are being decided here');
  readonly #unowned = this.#gauge('unowned_shards', 'Shards that nobody owns, by the directory');
  readonly #paused = this.#gauge('intake_paused', 'Whether an operator has paused intake (1) or not (0)');
  readonly #ofLedger = [
    this.#ledgerGauge('retries_waiting', 'Deferred commands, of the cluster', ({ retries }) => retries),
    this.#ledgerGauge(
      'retry_late_seconds',
      'How late the retry that is due longest is',
      ({ retryLateSeconds }) => retryLateSeconds,
    ),
    this.#ledgerGauge('outbox_rows', 'Commits whose work is not done', ({ outboxRows }) => outboxRows),
    this.#ledgerGauge(
      'outbox_age_seconds',
      'Age of the oldest of them',
      ({ outboxAgeSeconds }) => outboxAgeSeconds,
    ),
    this.#ledgerGauge(
      'dead_letters_open',
      'Dead letters nobody has dealt with',
      ({ deadLettersOpen }) => deadLettersOpen,
    ),
    this.#ledgerGauge('parked_commands', 'Parked commands, of the cluster', ({ parked }) => parked),
    this.#ledgerGauge(
      'parked_age_seconds',
      'Age of the oldest of them',
      ({ parkedAgeSeconds }) => parkedAgeSeconds,
    ),
    this.#ledgerGauge(
      'webhooks_waiting',
      'Deliveries to webhooks that are not posted yet',
      ({ webhooksWaiting }) => webhooksWaiting,
    ),
    this.#ledgerGauge(
      'webhook_late_seconds',
      'How late the delivery that is due longest is',
      ({ webhookLateSeconds }) => webhookLateSeconds,
    ),
    this.#ledgerGauge(
      'webhooks_disabled',
      'Webhook endpoints that were disabled because they fail',
      ({ webhooksDisabled }) => webhooksDisabled,
    ),
    this.#ledgerGauge(
      'audit_failed',
      'Whether the last audit of the ledger found a violation (1) or none (0)',
      ({ lastAudit }) => (lastAudit === null ? null : lastAudit.result === 'failed' ? 1 : 0),
    ),
    this.#ledgerGauge(
      'audit_age_seconds',
      'Time since the last audit of the ledger',
      ({ lastAudit }) => lastAudit?.ageSeconds ?? null,
    ),
  ];

  constructor() {
    this.#gauge('memory_limit_bytes', 'Memory this process may use').set(memoryLimitBytes());
    this.#gauge('heap_limit_bytes', 'Heap at which V8 ends the process').set(
      getHeapStatistics().heap_size_limit,
    );
    this.#gauge('cpus', 'Processors of the machine').set(cpus().length);
  }

  /** The look in Prometheus' text format. */
  text(look: NodeLook): Promise<string> {
    this.#show(look);
    return this.#registry.metrics();
  }

  #show(look: NodeLook): void {
    this.#ready.set(look.ready ? 1 : 0);
    for (const [server, { state, open }] of Object.entries(look.connections)) {
      this.#connections.set({ server }, open);
      for (const other of LINK_STATES)
        this.#connectionState.set({ server, state: other }, other === state ? 1 : 0);
    }
    this.#actors.reset();
    for (const [state, count] of look.actors) this.#actors.set({ state }, count);
    this.#mailbox.set(look.mailboxCommands);
    this.#mailboxMax.set(look.mailboxCommandsMax);
    this.#oldest.set(look.oldestCommandAgeSeconds);
    this.#held.set(look.held);
    this.#taken.set(look.taken);
    setOrLeaveOut(this.#unowned, look.shardsUnowned);
    this.#paused.set(look.intakePaused ? 1 : 0);
    for (const { gauge, read } of this.#ofLedger)
      setOrLeaveOut(gauge, look.ledger === null ? null : read(look.ledger));
  }

  #gauge<L extends string = never>(name: string, help: string, labelNames: L[] = []): Gauge<L> {
    return new Gauge({ name: `paygate_${name}`, help, labelNames, registers: [this.#registry] });
  }

  #ledgerGauge(name: string, help: string, read: (figures: LedgerFigures) => number | null) {
    return { gauge: this.#gauge(name, help), read };
  }
}

/** null: a figure that is not known; there is none then. */
export function setOrLeaveOut(gauge: Gauge, value: number | null): void {
  if (value === null) gauge.remove();
  else gauge.set(value);
}

/** The container's limit, else the machine's memory. Node gives 0 or a huge number where there is no limit. */
function memoryLimitBytes(): number {
  const limitBytes = constrainedMemory();
  return limitBytes > 0 && limitBytes < totalmem() ? limitBytes : totalmem();
}
