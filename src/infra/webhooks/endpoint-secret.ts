import { createHash, hkdfSync, randomBytes } from 'node:crypto';

/**
 * The secret of an endpoint is derived from a random salt, which stands in the ledger, and `WEBHOOK_KEY`, which does not. So there is
 * nothing to decrypt: a copy of the database signs nothing, and no two endpoints, and no two rotations, share a secret.
 */

const SECRET_BYTES = 32;
const SALT_BYTES = 16;
const PURPOSE = 'paygate webhook secret v1';

export function newSalt(): Buffer {
  return randomBytes(SALT_BYTES);
}

export function endpointSecret(webhookKey: string, salt: Buffer): Buffer {
  return Buffer.from(hkdfSync('sha256', webhookKey, salt, PURPOSE, SECRET_BYTES));
}

/** Names a key without telling it, so that a node with another one says so instead of signing wrongly. */
export function keyId(webhookKey: string): string {
  return createHash('sha256').update(`paygate webhook key ${webhookKey}`).digest('hex').slice(0, 12);
}
