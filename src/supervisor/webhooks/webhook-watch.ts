import { ensureError } from '../../domain/errors.ts';
import { LIMITS } from '../../limits.ts';
import type { Clock, Logger } from '../../ports/runtime.ts';
import type { WebhookEndpoint, WebhookStore } from '../../ports/webhooks.ts';

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
  #endpoints: readonly WebhookEndpoint[] = [];
  #sight: 'clear' | 'lost' = 'clear';
  #phase: 'running' | 'stopped' = 'stopped';
  #cancel: () => void = () => undefined;

  constructor(options: WebhookWatchOptions) {
    this.#options = options;
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
    this.#phase = 'running';
    this.#lookLater();
  }

  stop(): void {
    this.#phase = 'stopped';
    this.#cancel();
  }

  #lookLater(): void {
    if (this.#phase === 'stopped') return;
    this.#cancel = this.#options.clock.after(LIMITS.webhookPollMs, () => void this.#look());
  }

  async #look(): Promise<void> {
    try {
      await this.load();
      this.#sight = 'clear';
    } catch (error) {
      // Once, not every second.
      if (this.#sight === 'clear')
        this.#options.logger.warn(
          { err: ensureError(error) },
          'webhook endpoints cannot be read; the last view stands',
        );
      this.#sight = 'lost';
    }
    this.#lookLater();
  }
}
