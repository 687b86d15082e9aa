/** Series as promtool writes them: name with labels → values, a sample every 30 s. */
export type Series = Readonly<Record<string, string>>;

export interface AlertCase {
  readonly alert: string;
  /** After twenty minutes of this it fires … */
  readonly fires: Series;
  /** … with these labels, beside its severity, … */
  readonly labels: Readonly<Record<string, string>>;
  readonly severity: 'page' | 'ticket';
  /** … and says this. */
  readonly summary: string;
  /** After this it does not: just below the bound, or above it for too short a time. */
  readonly quiet: readonly Series[];
}

const N = (value: number | string): string => `${value}x60`;
const NODE = 'job="paygate",instance="a"';
const of = (metric: string, labels = NODE): string => `${metric}{${labels}}`;
const state = (name: string, server = 'redis'): string =>
  of('paygate_connection_state', `instance="a",server="${server}",state="${name}"`);

export const ALERT_CASES: readonly AlertCase[] = [
  {
    alert: 'PaygateFailuresHigh',
    fires: {
      [of('paygate_dead_letters_total', 'reason="X"')]: N('0+10'),
      [of('paygate_transactions_processed_total', 'outcome="APPROVED"')]: N('0+90'),
    },
    labels: {},
    severity: 'page',
    summary: '10% of the messages are given up',
    quiet: [
      {
        [of('paygate_dead_letters_total', 'reason="X"')]: N('0+4'),
        [of('paygate_transactions_processed_total', 'outcome="REJECTED"')]: N('0+96'),
      },
      {},
    ],
  },
  {
    alert: 'PaygateQueueDeep',
    fires: { [of('paygate_queue_depth', 'instance="a",queue="transactions_queue"')]: N('1001+0') },
    labels: { queue: 'transactions_queue' },
    severity: 'page',
    summary: '1001 messages wait in transactions_queue',
    quiet: [
      { [of('paygate_queue_depth', 'queue="transactions_queue"')]: N('1000+0') },
      { [of('paygate_queue_depth', 'queue="transactions_dlq"')]: N('5000+0') },
      { [of('paygate_queue_depth', 'queue="transactions_queue"')]: '0x38 5000x2 0x20' },
    ],
  },
  {
    alert: 'PaygateCpuHigh',
    fires: { [of('process_cpu_seconds_total')]: N('0+27') },
    labels: { job: 'paygate', instance: 'a' },
    severity: 'ticket',
    summary: 'a uses 90% of a processor',
    quiet: [{ [of('process_cpu_seconds_total')]: N('0+23') }],
  },
  {
    alert: 'PaygateMemoryHigh',
    fires: {
      [of('process_resident_memory_bytes')]: N('850+0'),
      [of('paygate_memory_limit_bytes')]: N('1000+0'),
      [of('nodejs_heap_size_used_bytes')]: N('1+0'),
      [of('paygate_heap_limit_bytes')]: N('1000+0'),
    },
    labels: { instance: 'a' },
    severity: 'page',
    summary: 'a uses 85% of the memory it may have',
    quiet: [
      {
        [of('process_resident_memory_bytes')]: N('800+0'),
        [of('paygate_memory_limit_bytes')]: N('1000+0'),
        [of('nodejs_heap_size_used_bytes')]: N('799+0'),
        [of('paygate_heap_limit_bytes')]: N('1000+0'),
      },
    ],
  },
  {
    alert: 'PaygateNodeAway',
    fires: { [of('up')]: N('0+0') },
    labels: { job: 'paygate', instance: 'a' },
    severity: 'page',
    summary: 'a does not answer',
    quiet: [{ [of('up')]: N('1+0') }, { [of('up', 'job="other",instance="b"')]: N('0+0') }],
  },
  {
    alert: 'PaygateDependencyAway',
    fires: { [state('up')]: N('0+0'), [state('blocked')]: N('0+0'), [state('down')]: N('1+0') },
    labels: { instance: 'a', server: 'redis' },
    severity: 'page',
    summary: 'a does not reach redis',
    quiet: [
      { [state('up')]: N('1+0'), [state('down')]: N('0+0') },
      { [state('up', 'rabbitmq')]: N('0+0'), [state('blocked', 'rabbitmq')]: N('1+0') },
    ],
  },
  {
    alert: 'PaygateBrokerBlocked',
    fires: { [state('blocked', 'rabbitmq')]: N('1+0') },
    labels: { instance: 'a', server: 'rabbitmq', state: 'blocked' },
    severity: 'page',
    summary: 'RabbitMQ takes no publications from a: memory or disk alarm',
    quiet: [{ [state('blocked', 'rabbitmq')]: N('0+0'), [state('up', 'rabbitmq')]: N('1+0') }],
  },
  {
    alert: 'PaygateShardsUnowned',
    fires: { [of('paygate_shards', 'instance="a",state="owned"')]: N('255+0') },
    labels: {},
    severity: 'page',
    summary: 'shards have no owner: their accounts are not served (255)',
    quiet: [
      {
        [of('paygate_shards', 'instance="a",state="owned"')]: N('128+0'),
        [of('paygate_shards', 'instance="b",state="owned"')]: N('112+0'),
        [of('paygate_shards', 'instance="b",state="handingOff"')]: N('16+0'),
        [of('paygate_unowned_shards')]: N('0+0'),
      },
    ],
  },
  {
    alert: 'PaygateCommandOld',
    fires: { [of('paygate_oldest_command_age_seconds')]: N('60+0') },
    labels: { instance: 'a' },
    severity: 'page',
    summary: 'a command on a has waited for 1m 0s',
    quiet: [{ [of('paygate_oldest_command_age_seconds')]: N('30+0') }],
  },
  {
    alert: 'PaygateDeadLettersGrow',
    fires: { [of('paygate_dead_letters_total', 'reason="X"')]: N('0+1') },
    labels: { reason: 'X' },
    severity: 'ticket',
    summary: '30 messages given up within 15 minutes: X',
    quiet: [{ [of('paygate_dead_letters_total', 'reason="X"')]: '0x35 5x25' }],
  },
  {
    alert: 'PaygateRetriesLate',
    fires: { [of('paygate_retry_late_seconds')]: N('120+0') },
    labels: {},
    severity: 'ticket',
    summary: 'a retry is 2m 0s late',
    quiet: [{ [of('paygate_retry_late_seconds')]: N('60+0') }],
  },
  {
    alert: 'PaygateCacheLate',
    fires: { [of('paygate_outbox_age_seconds')]: N('120+0') },
    labels: {},
    severity: 'ticket',
    summary: 'what a commit left to do (cached balances, events) has waited for 2m 0s',
    quiet: [{ [of('paygate_outbox_age_seconds')]: N('60+0') }],
  },
  {
    alert: 'PaygateAccountsSetAside',
    fires: { [of('paygate_parked_commands')]: N('3+0') },
    labels: {},
    severity: 'ticket',
    summary: 'commands are parked, or accounts are quarantined (3)',
    quiet: [
      {
        [of('paygate_parked_commands')]: '0x35 3x3 0x20',
        [of('paygate_actors', 'state="unknown"')]: N('1+0'),
      },
    ],
  },
  {
    alert: 'PaygateWebhooksDisabled',
    fires: { [of('paygate_webhooks_disabled')]: N('2+0') },
    labels: {},
    severity: 'ticket',
    summary: '2 webhook endpoints were disabled because they fail',
    quiet: [{ [of('paygate_webhooks_disabled')]: N('0+0') }, {}],
  },
  {
    alert: 'PaygateWebhooksLate',
    fires: { [of('paygate_webhook_late_seconds')]: N('1200+0') },
    labels: {},
    severity: 'ticket',
    summary: 'a delivery to a webhook is 20m 0s late',
    quiet: [
      { [of('paygate_webhook_late_seconds')]: N('900+0') },
      { [of('paygate_webhook_late_seconds')]: '0x35 1200x3 0x22' },
    ],
  },
  {
    alert: 'PaygateAuditFailed',
    fires: { [of('paygate_audit_failed')]: N('1+0') },
    labels: {},
    severity: 'page',
    summary: 'the last audit found the ledger wrong',
    quiet: [{ [of('paygate_audit_failed')]: N('0+0') }, {}],
  },
  {
    alert: 'PaygateAuditMissing',
    fires: { [of('paygate_audit_age_seconds')]: '200000x200' },
    labels: {},
    severity: 'ticket',
    summary: 'the ledger was not audited within two days',
    quiet: [{ [of('paygate_audit_age_seconds')]: '100000x200' }],
  },
  {
    alert: 'PaygateSealsLate',
    fires: {
      [of('paygate_seal_age_seconds')]: N('1200+0'),
      [of('paygate_seal_interval_seconds')]: N('60+0'),
    },
    labels: { job: 'paygate', instance: 'a' },
    severity: 'ticket',
    summary: 'a knows of no seal of the journal for 20m 0s',
    quiet: [
      {
        [of('paygate_seal_age_seconds')]: N('780+0'),
        [of('paygate_seal_interval_seconds')]: N('60+0'),
      },
      // One that is told to seal once an hour.
      {
        [of('paygate_seal_age_seconds')]: N('5000+0'),
        [of('paygate_seal_interval_seconds')]: N('3600+0'),
      },
    ],
  },
];
