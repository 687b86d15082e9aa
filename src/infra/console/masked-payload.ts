const SHOWN_CHARS_MAX = 1_200;

/** Names of fields whose values identify a transaction and nobody's card or person. */
const SHOWN_FIELDS: ReadonlySet<string> = new Set([
  'id',
  'transaction_id',
  'account_id',
  'refund_transaction_id',
  'type',
  'transaction_type',
  'status',
  'amount_cents',
  'currency',
  'created_at',
  'timestamp',
  'String',
  'Valid',
]);

const LEADS_DOWN: ReadonlySet<string> = new Set(['metadata', 'refund_transaction_id']);

/** The shape of a body for a person: values that may identify somebody are dots. What is no JSON is not shown at all. */
export function maskedPayload(body: Buffer): string {
  try {
    return shortened(JSON.stringify(masked(JSON.parse(body.toString('utf8')), true), null, 2));
  } catch (error) {
    if (error instanceof SyntaxError) return `${body.length} bytes that are not JSON`;
    throw error;
  }
}

function masked(value: unknown, isShown: boolean): unknown {
  if (Array.isArray(value)) return value.map((item) => masked(item, false));
  if (value !== null && typeof value === 'object') {
    return Object.fromEntries(
      Object.entries(value).map(([name, inner]) => {
        const goesOn = isShown && (SHOWN_FIELDS.has(name) || LEADS_DOWN.has(name));
        return [name, masked(inner, goesOn)];
      }),
    );
  }
  if (isShown || typeof value === 'boolean' || value === null) return value;
  return '••••';
}

function shortened(text: string): string {
  return text.length <= SHOWN_CHARS_MAX ? text : `${text.slice(0, SHOWN_CHARS_MAX)} …`;
}
