import { LIMITS } from '../../limits.ts';
import type { Clock, Logger } from '../../ports/runtime.ts';
import type { WebhookStore } from '../../ports/webhooks.ts';

export interface WebhookTidyingOptions {
  readonly store: Pick<WebhookStore, 'tidy'>;
  readonly clock: Clock;
  readonly logger: Logger;
}

const BOUNDS = {
  backlogMax: LIMITS.webhookBacklogMax,
  deliveredKeptMs: LIMITS.webhookDeliveredKeptMs,
  failedKeptMs: LIMITS.webhookFailedKeptMs,
  rowsMax: LIMITS.webhookTidyRowsMax,
};

/** Removes deliveries that ended long ago, and sees to it that what waits for an endpoint is bounded. One node at a time does it. */
export class WebhookTidying {
  readonly #options: WebhookTidyingOptions;
  #phase: 'running' | 'stopped' = 'stopped';
  #cancel: () => void = () => undefined;

  constructor(options: WebhookTidyingOptions) {
    this.#options = options;
  }

  start(): void {
    this.#phase = 'running';
    this.#later(LIMITS.webhookTidyMs);
  }

  stop(): void {
    this.#phase = 'stopped';
    this.#cancel();
  }

  #later(delayMs: number): void {
    if (this.#phase === 'running') this.#cancel = this.#options.clock.after(delayMs, () => void this.#tidy());
  }

  async #tidy(): Promise<void> {
    const { store, logger } = this.#options;
    let delayMs = LIMITS.webhookTidyMs;
    try {
      const tidied = await store.tidy(BOUNDS);
      for (const endpoint of tidied?.full ?? [])
        logger.error({ webhook: endpoint }, 'too much waits for a webhook: nothing more is kept for it');
      for (const endpoint of tidied?.room ?? [])
        logger.warn({ webhook: endpoint }, 'events are kept for a webhook again; those in between are not');
      if (tidied?.more === true) delayMs = LIMITS.webhookPollMs;
    } catch (error) {
      logger.warn({ err: error }, 'deliveries of webhooks could not be tidied up, later again');
    }
    this.#later(delayMs);
  }
}
