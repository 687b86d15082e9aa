import type { WrittenEvent } from '../../contracts/events.ts';
import type { WebhookRecorder, WebhookStore } from '../../ports/webhooks.ts';
import type { WebhookWatch } from './webhook-watch.ts';

export interface WebhookIntakeOptions {
  readonly store: Pick<WebhookStore, 'record'>;
  readonly watch: Pick<WebhookWatch, 'wants'>;
  /** There is something to post. */
  readonly onRecorded: () => void;
}

/** Has deliveries written for the events that somebody wants; costs a look at a list where nobody does. */
export class WebhookIntake implements WebhookRecorder {
  readonly #options: WebhookIntakeOptions;

  constructor(options: WebhookIntakeOptions) {
    this.#options = options;
  }

  async record(events: readonly WrittenEvent[]): Promise<void> {
    const { store, watch, onRecorded } = this.#options;
    const wanted = events.filter(({ type }) => watch.wants(type));
    if (wanted.length > 0 && (await store.record(wanted)) > 0) onRecorded();
  }
}
