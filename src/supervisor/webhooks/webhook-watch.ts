import { LIMITS } from '../../limits.ts';
import type { Clock, Logger } from '../../ports/runtime.ts';
import type { WebhookEndpoint, WebhookStore } from '../../ports/webhooks.ts';
import { RegularLook } from '../regular-look.ts';

export interface WebhookWatchOptions {
  readonly store: Pick<WebhookStore, 'endpoints'>;
  /** After each look that found something out. */
  readonly onLook: () => void;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * The endpoints as this node knows them: looked for every `webhookPollMs`.
 *
 * V1. No event is told before the first look: a node that was started anew must not forget an endpoint.
 * V2. A look that fails changes nothing.
 */
export class WebhookWatch {
  readonly #options: WebhookWatchOptions;
  readonly #looks: RegularLook;
  #endpoints: readonly WebhookEndpoint[] = [];

  constructor(options: WebhookWatchOptions) {
    this.#options = options;
    const { clock, logger } = options;
    this.#looks = new RegularLook({
      clock,
      pollMs: LIMITS.webhookPollMs,
      look: () => this.load(),
      onLost: (err) => logger.warn({ err }, 'webhook endpoints cannot be read; the last view stands'),
    });
  }

  get endpoints(): readonly WebhookEndpoint[] {
    return this.#endpoints;
  }

  /** Whether any endpoint is to be told of events of this type; a disabled one is, once it is enabled. */
  wants(type: string): boolean {
    return this.#endpoints.some(({ types }) => types === null || types.includes(type));
  }

  /** V1. Rejects with the driver's error. */
  async load(): Promise<void> {
    this.#endpoints = await this.#options.store.endpoints();
    this.#options.onLook();
  }

  start(): void {
    this.#looks.start();
  }

  stop(): void {
    this.#looks.stop();
  }
}
