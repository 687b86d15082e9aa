import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import { LookGauges, setOrLeaveOut } from './metrics-look.ts';
import type { NodeLook } from './metrics-look.ts';
import type { Metrics } from '../ports/runtime.ts';

/** Figures that are read when they are asked for. */
export interface LiveFigures {
  activeAccounts(): number;
  /** Messages taken in and not answered. */
  inFlight(): number;
  /** Balances that wait for the cache. */
  cachePending(): number;
  /** Commits whose events the broker has not confirmed. */
  eventsWaiting(): number;
  /** Commands held for other nodes. */
  forwarding(): number;
  /** Version of the rule set that this node decides by; 0: none is in force. */
  rulesVersion(): number;
  /** Rows without a message that are on the road. */
  sweeping(): number;
  /** Age of the oldest of them. */
  sweepOldestSeconds(): number;
  /** How many shards are in each state; null before the node has joined. */
  shards(): Readonly<Record<string, number>> | null;
  /** Since the moment up to which everything is sealed, and how often it is done; null before the node has opened its ledger. */
  seals(): { readonly ageSeconds: number; readonly intervalSeconds: number } | null;
  look(): Promise<NodeLook>;
}

/** From 1 ms to 60 s: receipt to acknowledgement is milliseconds, with a server away it is seconds. */
const DURATION_BUCKETS = [
  0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.015, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60,
];
/** The library's gauges with the name of a counter; each lists every handle of the process for it. */
const MISNAMED = [
  'nodejs_active_handles_total',
  'nodejs_active_requests_total',
  'nodejs_active_resources_total',
];
const COMMAND_BUCKETS = [1, 2, 5, 10, 20, 50, 100, 200, 300, 500, 750, 1000];

/**
 * The node's figures in Prometheus' text format.
 *
 * Only `settled` is called per message; it has no label. Everything else is called per turn or per commit.
 */
export class PrometheusMetrics implements Metrics {
  readonly #registry = new Registry();
  readonly #received = this.#counter('messages_received_total', 'Messages delivered, by queue', ['queue']);
  readonly #decided = this.#counter('transactions_processed_total', 'Transactions decided', [
    'type',
    'outcome',
  ]);
  readonly #ruleMatches = this.#counter('rule_matches_total', 'Transactions that a rule matched', [
    'rule',
    'action',
  ]);
  readonly #repeated = this.#counter('transactions_repeated_total', 'Messages that repeated a transaction', [
    'kind',
  ]);
  readonly #deferred = this.#counter('deferrals_total', 'Commands put off to be tried again', ['code']);
  readonly #deadLettered = this.#counter('dead_letters_total', 'Messages given up', ['reason']);
  readonly #commitFailures = this.#counter('commit_failures_total', 'Commits that did not go through', [
    'kind',
  ]);
  readonly #fenced = this.#counter(
    'fenced_shards_total',
    'Commits refused because the shard has another owner',
    [],
  );
  readonly #actorsStopped = this.#counter('actors_stopped_total', 'Account actors that ended', ['reason']);
  readonly #cacheWrites = this.#counter('cache_writes_total', 'Balances written to the cache', []);
  readonly #cacheSeconds = this.#histogram(
    'cache_write_duration_seconds',
    'Duration of one write of balances to the cache',
    DURATION_BUCKETS,
  );
  readonly #cacheFailures = this.#counter(
    'cache_failures_total',
    'Balances that could not be written at once',
    [],
  );
  readonly #eventsPublished = this.#counter('events_published_total', 'Events confirmed by the broker', [
    'type',
  ]);
  readonly #eventsFailed = this.#counter(
    'events_failed_total',
    'Events that the broker did not take at once',
    [],
  );
  readonly #webhooks = this.#counter('webhook_deliveries_total', 'Tries to post an event, by result', [
    'result',
  ]);
  readonly #swept = this.#counter('swept_rows_total', 'PENDING rows found without a message, by result', [
    'result',
  ]);
  readonly #sealed = this.#counter('sealed_rows_total', 'Journal rows sealed by this node', []);
  readonly #forwardsEnded = this.#counter('forwards_total', 'Commands that another node has settled', []);
  readonly #shardsTaken = this.#counter('shards_taken_total', 'Shards taken over', []);
  readonly #shardsHandedOff = this.#counter('shards_handed_off_total', 'Shards given away in good order', []);
  readonly #shardsLost = this.#counter('shards_lost_total', 'Shards that another node has taken from us', []);
  readonly #settled = this.#histogram(
    'processing_duration_seconds',
    'Receipt to acknowledgement',
    DURATION_BUCKETS,
  );
  readonly #commitCommands = this.#histogram('commit_commands', 'Commands per commit', COMMAND_BUCKETS);
  readonly #commitSeconds = this.#histogram(
    'commit_duration_seconds',
    'Duration of a commit call',
    DURATION_BUCKETS,
  );
  readonly #queueDepth: Gauge;
  readonly #gauges = new LookGauges();
  readonly #live: LiveFigures;

  constructor(live: LiveFigures) {
    this.#live = live;
    const registers = [this.#registry];
    // Its own default wakes the process a hundred times a second.
    collectDefaultMetrics({ register: this.#registry, eventLoopMonitoringPrecision: 50 });
    for (const name of MISNAMED) this.#registry.removeSingleMetric(name);
    this.#queueDepth = new Gauge({
      name: 'paygate_queue_depth',
      help: 'Messages ready in a queue',
      labelNames: ['queue'],
      registers,
    });
    this.#liveGauge('active_accounts', 'Accounts with an actor', () => live.activeAccounts());
    this.#liveGauge('in_flight', 'Messages taken in and not answered', () => live.inFlight());
    this.#liveGauge('cache_pending', 'Balances that wait for the cache', () => live.cachePending());
    this.#liveGauge('events_waiting', 'Commits whose events are not confirmed', () => live.eventsWaiting());
    this.#liveGauge('forwarding', 'Commands held for other nodes', () => live.forwarding());
    this.#liveGauge('rules_version', 'Version of the rule set in force, 0: none', () => live.rulesVersion());
    this.#liveGauge('sweeping', 'PENDING rows without a message that are being driven', () =>
      live.sweeping(),
    );
    this.#liveGauge('sweep_oldest_seconds', 'Age of the oldest of them', () => live.sweepOldestSeconds());
    this.#liveGauge('seal_age_seconds', 'Time since the moment up to which the journal is sealed', () => {
      return live.seals()?.ageSeconds ?? null;
    });
    this.#liveGauge('seal_interval_seconds', 'How often the journal is sealed', () => {
      return live.seals()?.intervalSeconds ?? null;
    });
    const shards: Gauge = new Gauge({
      name: 'paygate_shards',
      help: 'Shards of this node, by state',
      labelNames: ['state'],
      registers,
      collect: () => {
        for (const [state, count] of Object.entries(live.shards() ?? {})) shards.set({ state }, count);
      },
    });
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  async text(): Promise<string> {
    const texts = await Promise.all([this.#registry.metrics(), this.#gauges.text(await this.#live.look())]);
    return texts.join('\n');
  }

  queueDepth(queue: string, messages: number): void {
    this.#queueDepth.set({ queue }, messages);
  }

  received(queue: string, count: number): void {
    this.#received.inc({ queue }, count);
  }

  decided(type: string, outcome: string, count: number): void {
    this.#decided.inc({ type, outcome }, count);
  }

  ruleMatched(rule: string, action: string, count: number): void {
    this.#ruleMatches.inc({ rule, action }, count);
  }

  repeated(kind: 'already_decided' | 'same_key', count: number): void {
    this.#repeated.inc({ kind }, count);
  }

  deferred(code: string): void {
    this.#deferred.inc({ code });
  }

  deadLettered(code: string): void {
    this.#deadLettered.inc({ reason: code });
  }

  settled(durationSeconds: number): void {
    this.#settled.observe(durationSeconds);
  }

  commit(commands: number, durationSeconds: number): void {
    this.#commitCommands.observe(commands);
    this.#commitSeconds.observe(durationSeconds);
  }

  commitFailed(kind: string): void {
    this.#commitFailures.inc({ kind });
  }

  fenced(shards: number): void {
    this.#fenced.inc(shards);
  }

  actorStopped(reason: string): void {
    this.#actorsStopped.inc({ reason });
  }

  cacheWritten(count: number, durationSeconds: number): void {
    this.#cacheWrites.inc(count);
    this.#cacheSeconds.observe(durationSeconds);
  }

  cacheFailed(count: number): void {
    this.#cacheFailures.inc(count);
  }

  eventsPublished(type: string, count: number): void {
    this.#eventsPublished.inc({ type }, count);
  }

  eventsFailed(count: number): void {
    this.#eventsFailed.inc(count);
  }

  webhook(result: 'delivered' | 'failed' | 'given_up'): void {
    this.#webhooks.inc({ result });
  }

  swept(result: 'driven' | 'invalid' | 'target_unknown', count: number): void {
    this.#swept.inc({ result }, count);
  }

  sealed(count: number): void {
    this.#sealed.inc(count);
  }

  forwardEnded(): void {
    this.#forwardsEnded.inc();
  }

  shardsTaken(count: number): void {
    this.#shardsTaken.inc(count);
  }

  shardHandedOff(): void {
    this.#shardsHandedOff.inc();
  }

  shardLost(): void {
    this.#shardsLost.inc();
  }

  #counter(name: string, help: string, labelNames: string[]): Counter {
    return new Counter({ name: `paygate_${name}`, help, labelNames, registers: [this.#registry] });
  }

  #histogram(name: string, help: string, buckets: number[]): Histogram {
    return new Histogram({ name: `paygate_${name}`, help, buckets, registers: [this.#registry] });
  }

  /** null: there is no figure. */
  #liveGauge(name: string, help: string, read: () => number | null): void {
    const gauge: Gauge = new Gauge({
      name: `paygate_${name}`,
      help,
      registers: [this.#registry],
      collect: () => setOrLeaveOut(gauge, read()),
    });
  }
}
