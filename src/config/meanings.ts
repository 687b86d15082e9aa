/**
 * What each setting means, for docs/CONFIGURATION.md and `.env.example`. Types, bounds and defaults are not repeated here: they are read
 * from the schema. A variable that is read and not in here, or the other way round, fails a test.
 */
export interface SettingMeaning {
  /** A sentence or two, Markdown. */
  readonly text: string;
  /** Where the schema knows only a number. */
  readonly unit?: string;
  /** In words, where the default is not a value of the schema. */
  readonly byDefault?: string;
  /** In `.env.example`, where the default is not a value that could be written there. */
  readonly example?: string;
}

export interface SettingSection {
  readonly title: string;
  readonly intro?: string;
  /** By variable. */
  readonly settings: Readonly<Record<string, SettingMeaning>>;
}

/** `value`: by default; none: empty. */
function part(of: string, what: string, value?: string): SettingMeaning {
  return {
    text: `Of \`${of}\`: ${what}.`,
    byDefault: value === undefined ? 'none' : `\`${value}\``,
    example: value ?? '',
  };
}

const SERVERS: SettingSection = {
  title: 'Servers',
  intro:
    'A URL, or its parts as a running installation has them: where the URL is set, its parts are not looked at. User names and passwords in URLs are percent-encoded, parts are not.',
  settings: {
    DATABASE_URL: {
      text: 'PostgreSQL, with the tables of the Go API and the schema `processor`.',
      byDefault: 'from the parts',
      example: 'postgres://postgres@127.0.0.1:5432/postgres',
    },
    POSTGRES_USER: part('DATABASE_URL', 'user', 'postgres'),
    POSTGRES_PASSWORD: part('DATABASE_URL', 'password'),
    POSTGRES_HOST: part('DATABASE_URL', 'host', '127.0.0.1'),
    POSTGRES_PORT: { text: 'Of `DATABASE_URL`: port.' },
    POSTGRES_DB: part('DATABASE_URL', 'database', 'postgres'),
    DATABASE_RUNTIME_ROLE: {
      text: 'Role to which `paygate migrate` gives the rights of nodes and commands (docs/SECURITY.md).',
      byDefault: 'nobody is given any',
      example: '',
    },
    RABBITMQ_URL: {
      text: 'RabbitMQ, with the vhost of the Go API. A vhost of its own per cluster.',
      byDefault: 'from the parts',
      example: 'amqp://guest:guest@127.0.0.1:5672',
    },
    RABBITMQ_USER: {
      ...part('RABBITMQ_URL', 'user'),
      byDefault: '`RABBITMQ_DEFAULT_USER`, else `guest`',
      example: 'guest',
    },
    RABBITMQ_DEFAULT_USER: {
      text: 'Used where `RABBITMQ_USER` is not set.',
      byDefault: '`guest`',
      example: 'guest',
    },
    RABBITMQ_PASS: {
      ...part('RABBITMQ_URL', 'password'),
      byDefault: '`RABBITMQ_DEFAULT_PASS`, else `guest`',
      example: 'guest',
    },
    RABBITMQ_DEFAULT_PASS: {
      text: 'Used where `RABBITMQ_PASS` is not set.',
      byDefault: '`guest`',
      example: 'guest',
    },
    RABBITMQ_HOST: part('RABBITMQ_URL', 'host', '127.0.0.1'),
    RABBITMQ_PORT: { text: 'Of `RABBITMQ_URL`: port.' },
    REDIS_URL: {
      text: 'Redis, as a user that may write. A Redis, or a database of one, of its own per cluster.',
      byDefault: 'from the parts',
      example: 'redis://127.0.0.1:6379',
    },
    WRITER_REDIS_USER: part('REDIS_URL', 'user'),
    WRITER_REDIS_PASSWORD: part('REDIS_URL', 'password'),
    REDIS_HOST: part('REDIS_URL', 'host', '127.0.0.1'),
    REDIS_PORT: { text: 'Of `REDIS_URL`: port.' },
  },
};

/** A file or a word of TLS for all servers, and the same for one of them. */
function tls(name: string, text: string, byDefault: string): Readonly<Record<string, SettingMeaning>> {
  const forOne = (server: string): SettingMeaning => ({
    text: `\`${name}\` for ${server} alone.`,
    byDefault: `\`${name}\``,
    example: '',
  });
  return {
    [name]: { text, byDefault, example: '' },
    [`DATABASE_${name}`]: forOne('PostgreSQL'),
    [`RABBITMQ_${name}`]: forOne('RabbitMQ'),
    [`REDIS_${name}`]: forOne('Redis'),
  };
}

function file(text: string, byDefault = 'none'): SettingMeaning {
  return { text, byDefault, example: '' };
}

const TLS: SettingSection = {
  title: 'TLS',
  intro:
    'Asked for by the URLs (`?sslmode=verify-full`, `amqps://`, `rediss://`) and, for the admin port, by its certificate. Files are PEM. See docs/SECURITY.md.',
  settings: {
    ...tls('TLS_CA_FILE', "Who is believed, instead of Node.js' own list.", "Node.js' list"),
    ...tls('TLS_CERT_FILE', 'Certificate that is shown to servers that ask for one.', 'none'),
    ...tls('TLS_KEY_FILE', 'Its key.', 'none'),
    ...tls('TLS_VERIFY', 'What is verified of a server: `chain` leaves out the host name.', '`full`'),
    HTTP_TLS_CERT_FILE: file(
      'Certificate of the admin port: with it and its key the port speaks HTTPS alone.',
    ),
    HTTP_TLS_KEY_FILE: file('Its key.'),
    HTTP_TLS_CLIENT_CA_FILE: file('Whoever connects to the admin port has to show a certificate of this CA.'),
    HTTP_TLS_CA_FILE: file('Who is believed when a node calls the admin port of another.', '`TLS_CA_FILE`'),
  },
};

const NODE: SettingSection = {
  title: 'Node and admin port',
  settings: {
    NODE_ID: {
      text: 'Name of this node in logs, leases and `paygate cluster`. One that stays the same over restarts gets its old shards back.',
      byDefault: 'host name and a random part',
      example: 'node-1',
    },
    HTTP_HOST: { text: 'Address that the admin port listens on.' },
    HTTP_PORT: { text: 'Admin port: health, metrics, console. 0: any free one.' },
    HTTP_ADVERTISED_URL: {
      text: 'Base URL under which others reach the admin port.',
      byDefault: "what it listens on, or the machine's first address",
      example: 'http://node-1.example:9464',
    },
    HTTP_PEER_URL: {
      text: 'Base URL under which the other nodes, and commands beside them, reach the admin port, where that is another: in containers whose ports are published elsewhere.',
      byDefault: 'as for everybody',
      example: '',
    },
    CONSOLE_TOKEN: {
      text: 'Secret. Whoever brings it may read the console, the inspector and balances from another machine.',
      byDefault: 'none: only this machine may',
      example: '',
    },
    LOG_LEVEL: {
      text: 'From the fewest lines to the most. `paygate cluster log-level` changes it while nodes run.',
    },
    FEATURES: {
      text: 'What is switched on; what is off is not even loaded. `minimal`: nothing of it. The same on all nodes. Deciding, committing, retries, dead letters and the cluster are always on. Without `events` some 30 µs of CPU per transaction are saved.',
    },
  },
};

const WORK: SettingSection = {
  title: 'Intake, deciding, memory',
  settings: {
    PROCESSOR_WORKERS: {
      text: "Commit lanes: connections that write decisions. One writes more than a node decides. The old processor's documentation said 4.",
      unit: 'connections',
    },
    PROCESSOR_PREFETCH: {
      text: "Upper bound of the intake window per queue; it grows and shrinks by itself below that, and is no larger than 1,300 for each node that owns shards. The old processor's documentation said 10.",
      unit: 'messages',
    },
    INBOUND_QUEUES: {
      text: "Further queues that count as one of the contract's, such as `payments_eu=transactions_queue`, separated by commas; each has a reader of its own.",
      byDefault: "the contract's alone",
      example: '',
    },
    REFUND_AMOUNT: {
      text: '`message`: a refund is worth what its message says. `original`: one from the Go API is worth what is left of its original. Must be set where there is history with refunds.',
    },
    DB_POOL_SIZE: { text: 'Connections for loading, beside one per commit lane.', unit: 'connections' },
    ACTIVE_ACCOUNTS_MAX: {
      text: 'Accounts kept in memory, at 3 kB each; beyond it the least recently used idle ones are passivated.',
      unit: 'accounts',
    },
    ACCOUNT_IDLE_MS: { text: 'An account without work for this long is passivated.', unit: 'ms' },
    SEAL_INTERVAL_MS: { text: 'How often what was decided is sealed.', unit: 'ms' },
    DRAIN_TIMEOUT_MS: {
      text: 'How long a drain (SIGTERM) may take before the node gives up and exits.',
      unit: 'ms',
    },
    CLUSTER_GRACE_MS: {
      text: 'How long the nodes of a cluster that boots wait for each other before they share the work.',
      unit: 'ms',
    },
  },
};

const WAITING: SettingSection = {
  title: 'Retries and lost messages',
  settings: {
    RETRY_ATTEMPTS: {
      text: 'Tries of a deferred command before it is a dead letter; 0: none.',
      unit: 'tries',
    },
    RETRY_DELAY_MS: { text: 'The first delay; doubled each time, with jitter.', unit: 'ms' },
    REFUND_WAIT_MS: { text: 'How long a refund waits for an original that nobody has seen.', unit: 'ms' },
    SWEEP_AGE_MIN: {
      text: 'A PENDING transaction that nothing was heard of for this long is taken for one whose message was lost, and driven without it.',
    },
    SWEEP_AGE_MAX: {
      text: 'Older ones are never driven by themselves: old installations have months of them (`paygate pending`).',
    },
    SWEEP_POLL: { text: 'How often they are looked for.' },
  },
};

const WEBHOOKS: SettingSection = {
  title: 'Webhooks',
  settings: {
    WEBHOOK_KEY: {
      text: 'Secret. What the secrets of webhooks are derived from; the same on all nodes and for `paygate webhooks`.',
      byDefault: 'none: no webhooks',
      example: '',
    },
    WEBHOOK_ATTEMPTS: { text: 'Tries of one delivery, in all: 20 take five to ten hours.', unit: 'tries' },
    WEBHOOK_RETRY_DELAY: { text: 'Wait before the second try; doubled each time, up to an hour.' },
    WEBHOOK_TIMEOUT: { text: 'How long an endpoint may take to answer.' },
    WEBHOOK_DISABLE_FAILURES: {
      text: 'An endpoint is disabled after so many failures in a row, …',
      unit: 'failures',
    },
    WEBHOOK_DISABLE_AFTER: { text: '… the first of them at least so long ago.' },
    WEBHOOK_ALLOW: {
      text: 'What may be called beside https on public addresses.',
      byDefault: 'none',
      example: '',
    },
  },
};

const TRACING: SettingSection = {
  title: 'Tracing',
  intro:
    "Read only where `FEATURES` has `tracing`. The names are OpenTelemetry's own; those with `TRACES` go before those without.",
  settings: {
    OTEL_SDK_DISABLED: { text: '`true`: off after all.', byDefault: '`false`', example: 'false' },
    OTEL_TRACES_EXPORTER: { text: '`none`: off after all.' },
    OTEL_EXPORTER_OTLP_PROTOCOL: { text: 'JSON is sent with either, to the same address.' },
    OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: {
      text: 'The same.',
      byDefault: 'the one above',
      example: 'http/json',
    },
    OTEL_EXPORTER_OTLP_ENDPOINT: { text: 'The collector; `/v1/traces` is added.' },
    OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: {
      text: 'The collector, the whole address.',
      byDefault: 'from the one above',
      example: 'http://localhost:4318/v1/traces',
    },
    OTEL_EXPORTER_OTLP_HEADERS: {
      text: 'Sent along, as W3C Baggage: `key=value,key=value`, values percent-encoded. May hold a secret.',
      byDefault: 'none',
      example: '',
    },
    OTEL_EXPORTER_OTLP_TRACES_HEADERS: { text: 'The same.', byDefault: 'those above', example: '' },
    OTEL_EXPORTER_OTLP_TIMEOUT: {
      text: 'Of one request. The specification says 10,000: a node that ends while the collector is away waits so long for its last spans.',
      unit: 'ms',
    },
    OTEL_EXPORTER_OTLP_TRACES_TIMEOUT: {
      text: 'The same.',
      unit: 'ms',
      byDefault: 'the one above',
      example: '3000',
    },
    OTEL_EXPORTER_OTLP_COMPRESSION: { text: 'Of requests.' },
    OTEL_EXPORTER_OTLP_TRACES_COMPRESSION: { text: 'The same.', byDefault: 'the one above', example: 'none' },
    OTEL_TRACES_SAMPLER: { text: 'Which commands are traced.' },
    OTEL_TRACES_SAMPLER_ARG: { text: 'Share of the traces that begin here, for the samplers by ratio.' },
    OTEL_SERVICE_NAME: {
      text: 'Who sends.',
      byDefault: '`service.name` of `OTEL_RESOURCE_ATTRIBUTES`, else paygate-processor',
      example: 'paygate-processor',
    },
    OTEL_RESOURCE_ATTRIBUTES: {
      text: 'What else is known of the sender, `key=value,key=value`.',
      byDefault: 'none',
      example: '',
    },
    OTEL_BSP_MAX_QUEUE_SIZE: {
      text: 'Spans that wait for export; those beyond it are dropped. 8,192 hold some 12 MB.',
      unit: 'spans',
    },
    OTEL_BSP_MAX_EXPORT_BATCH_SIZE: { text: 'Spans per request.', unit: 'spans' },
    OTEL_BSP_SCHEDULE_DELAY: { text: 'Spans wait this long for company.', unit: 'ms' },
  },
};

const UNUSED: SettingSection = {
  title: 'Accepted and unused',
  intro: 'Checked, since running installations have them, and without effect.',
  settings: {
    REDIS_POOL_SIZE: { text: 'Connections to Redis multiplex.', unit: 'connections' },
    QUEUE_BUFFER_SIZE: {
      text: 'What a moving shard holds is bounded by the intake windows.',
      unit: 'commands',
    },
  },
};

export const SETTING_SECTIONS: readonly SettingSection[] = [
  SERVERS,
  TLS,
  NODE,
  WORK,
  WAITING,
  WEBHOOKS,
  TRACING,
  UNUSED,
];
