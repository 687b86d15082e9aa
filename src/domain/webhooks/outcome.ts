import type { ExternalCode } from '../codes.ts';

/** What came of one try to post an event. */
export type WebhookOutcome =
  | { readonly kind: 'delivered'; readonly status: number }
  | {
      readonly kind: 'failed';
      readonly code: ExternalCode;
      /** Of the answer; null: there was none. */
      readonly status: number | null;
      /** In words, for a person; nothing of the answer's body. */
      readonly detail: string;
      /** How long the endpoint asks to be left alone (`Retry-After`). */
      readonly retryAfterMs: number | null;
    }
  /** Given up by us before it was answered. */
  | { readonly kind: 'aborted' };

export type FailedOutcome = Extract<WebhookOutcome, { kind: 'failed' }>;
