/** What may be called beside https on public addresses. */
export const WEBHOOK_PERMITS = ['http', 'loopback', 'private'] as const;
export type WebhookPermit = (typeof WEBHOOK_PERMITS)[number];

/** The type of what `paygate webhooks test` posts: no event, and tried once. */
export const WEBHOOK_TEST_TYPE = 'webhook.test';
