import type { Config } from '../config.ts';
import { BullRetryClock } from '../infra/bullmq/retry-clock.ts';
import { connectionName, createPool } from '../infra/postgres/pool.ts';
import { PostgresWebhookStore } from '../infra/postgres/webhook-store.ts';
import { endpointSecret, keyId } from '../infra/webhooks/endpoint-secret.ts';
import { HttpWebhookSender } from '../infra/webhooks/http-sender.ts';
import { within } from '../infra/within.ts';
import { LIMITS } from '../limits.ts';
import type { Clock, Logger, Metrics, Random } from '../ports/runtime.ts';
import type { WebhookEndpoint, WebhookRecorder } from '../ports/webhooks.ts';
import { WebhookDesk } from '../supervisor/webhooks/webhook-desk.ts';
import { WebhookIntake } from '../supervisor/webhooks/webhook-intake.ts';
import { WebhookTidying } from '../supervisor/webhooks/webhook-tidying.ts';
import { WebhookWatch } from '../supervisor/webhooks/webhook-watch.ts';
import type { NodeIdentity } from './identity.ts';

export interface NodeWebhooksOptions {
  readonly config: Config;
  readonly identity: NodeIdentity;
  readonly clock: Clock;
  readonly random: Random;
  readonly metrics: Metrics;
  readonly logger: Logger;
}

/** What posts: there once this node has seen an endpoint. */
interface Posting {
  readonly desk: WebhookDesk;
  readonly tidying: WebhookTidying;
  readonly sender: HttpWebhookSender;
}

/**
 * The webhooks of a node: its own connections, and the parts put together. Without an endpoint it asks the ledger once a second
 * whether there is one, and has nothing else.
 */
export class NodeWebhooks {
  readonly #options: NodeWebhooksOptions;
  readonly #store: PostgresWebhookStore;
  readonly #watch: WebhookWatch;
  readonly recorder: WebhookRecorder;
  #posting: Posting | null = null;
  #phase: 'new' | 'running' | 'stopped' = 'new';

  constructor(options: NodeWebhooksOptions) {
    const { config, identity, clock, logger } = options;
    this.#options = options;
    const pool = createPool(
      {
        databaseUrl: config.databaseUrl,
        applicationName: connectionName(identity.nodeId, identity.incarnation, 'webhooks'),
        connectionsMax: LIMITS.webhookConnections,
      },
      logger,
    );
    const store = new PostgresWebhookStore(pool);
    const watch = new WebhookWatch({ store, onLook: () => this.#onLook(), clock, logger });
    this.#store = store;
    this.#watch = watch;
    this.recorder = new WebhookIntake({ store, watch, onRecorded: () => this.#posting?.desk.wake() });
  }

  /** Before the first event is told. Rejects with the driver's error. */
  load(): Promise<void> {
    return this.#watch.load();
  }

  start(): void {
    this.#phase = 'running';
    this.#watch.start();
    this.#onLook();
  }

  /** Posts nothing more; what was to be told can still be written down. */
  async stop(): Promise<void> {
    this.#phase = 'stopped';
    this.#watch.stop();
    const posting = this.#posting;
    if (posting === null) return;
    posting.tidying.stop();
    await posting.desk.stop();
    posting.sender.close();
  }

  async close(): Promise<void> {
    await this.stop();
    await within(LIMITS.closeTimeoutMs, () => this.#store.close());
  }

  #onLook(): void {
    if (this.#phase !== 'running' || this.#posting !== null || this.#watch.endpoints.length === 0) return;
    this.#posting = this.#post();
    this.#posting.desk.start();
    this.#posting.tidying.start();
  }

  #post(): Posting {
    const { config, identity, clock, random, metrics, logger } = this.#options;
    const sender = new HttpWebhookSender({
      permits: config.webhookPermits,
      timeoutMs: config.webhookTimeoutMs,
      userAgent: 'PayGateway-Processor',
    });
    const retryClock = new BullRetryClock({
      url: config.redisUrl,
      name: `paygate/${identity.nodeId}/webhooks`,
      prefix: 'paygate',
      queue: 'paygate-webhooks',
      ...{ logger, random },
    });
    const desk = new WebhookDesk({
      ...{ store: this.#store, sender, retryClock, watch: this.#watch, clock, random, metrics, logger },
      secretsOf: (endpoint) => secretsOf(endpoint, config.webhookKey),
      timeoutMs: config.webhookTimeoutMs,
      policy: {
        attemptsMax: config.webhookAttempts,
        retryDelayMs: config.webhookRetryDelayMs,
        disable: { failures: config.webhookDisableFailures, afterMs: config.webhookDisableAfterMs },
      },
    });
    return { desk, sender, tidying: new WebhookTidying({ store: this.#store, clock, logger }) };
  }
}

function secretsOf({ keyId: wanted, salts }: WebhookEndpoint, webhookKey: string | null): Buffer[] | null {
  if (webhookKey === null || keyId(webhookKey) !== wanted) return null;
  return salts.map((salt) => endpointSecret(webhookKey, salt));
}
