/** Example messages of the contract, for the tests of decoding. */

export const ID = '6f1c1e52-0d3b-4a57-9a0e-0f7c4a5b1c01';
export const ACCOUNT = '0b8f6f0e-6c2f-4222-8333-444455556667';
export const CARD = 'c0ffee00-1234-4abc-8def-00112233aabb';
export const ORIGINAL = '99999999-8888-4777-a666-555555555555';

type Fields = Readonly<Record<string, unknown>>;

export const NO_STRING = { String: '', Valid: false };
export const someString = (text: string): Fields => ({ String: text, Valid: true });

export const LIVE: Fields = {
  id: ID,
  account_id: ACCOUNT,
  card_id: NO_STRING,
  refund_transaction_id: NO_STRING,
  amount_cents: 10000,
  status: 'PENDING',
  type: 'DEPOSIT',
  idempotency_key: `2026-11-22-10:40:00.000:${ACCOUNT}:DEPOSIT:10000`,
  created_at: '2026-11-22T10:40:00.123456Z',
};

export const DOCUMENTED: Fields = {
  transaction_id: ID,
  account_id: ACCOUNT,
  card_id: null,
  amount_cents: 10000,
  transaction_type: 'PURCHASE',
  idempotency_key: 'order 17',
  timestamp: '2026-11-22T10:40:00Z',
  metadata: { any: 'json' },
};

export const live = (changes: Fields = {}): Fields => ({ ...LIVE, ...changes });
export const documented = (changes: Fields = {}): Fields => ({ ...DOCUMENTED, ...changes });

export function without(fields: Fields, name: string): Fields {
  return Object.fromEntries(Object.entries(fields).filter(([key]) => key !== name));
}

export const bytes = (message: unknown): Buffer => Buffer.from(JSON.stringify(message));

/** The live message with its amount written exactly like this. */
export function withAmountText(text: string): Buffer {
  return Buffer.from(JSON.stringify(LIVE).replace('"amount_cents":10000', `"amount_cents":${text}`));
}

/** The message with text added behind its opening brace. */
export function opened(message: unknown, text: string): Buffer {
  return Buffer.from(`{${text}${JSON.stringify(message).slice(1)}`);
}
