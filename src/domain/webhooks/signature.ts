import { createHmac } from 'node:crypto';

/** What a signed request carries beside its body, as the Standard Webhooks specification has it. */
export interface SignatureHeaders {
  readonly 'webhook-id': string;
  readonly 'webhook-timestamp': string;
  readonly 'webhook-signature': string;
}

export interface Signed {
  /** The same however often this is sent. */
  readonly id: string;
  /** Of this try, in seconds since the epoch: receivers refuse what is too old. */
  readonly timestampSeconds: number;
  readonly body: string;
}

/** One signature per secret, newest first, so that a receiver may know either while secrets are rotated. */
export function signatureHeaders(signed: Signed, secrets: readonly Buffer[]): SignatureHeaders {
  const { id, timestampSeconds, body } = signed;
  const timestamp = String(timestampSeconds);
  const signatures = secrets.map((secret) => {
    const digest = createHmac('sha256', secret).update(`${id}.${timestamp}.${body}`).digest('base64');
    return `v1,${digest}`;
  });
  return { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': signatures.join(' ') };
}

/** As a receiver keeps it. */
export function secretText(secret: Buffer): string {
  return `whsec_${secret.toString('base64')}`;
}
