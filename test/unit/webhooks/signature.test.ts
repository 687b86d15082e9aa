/** Without this: signatures that no library of the specification believes, or secrets that another endpoint shares. */
import { expect, it } from 'vitest';
import { secretText, signatureHeaders } from '../../../src/domain/webhooks/signature.ts';
import { endpointSecret, keyId, newSalt } from '../../../src/infra/webhooks/endpoint-secret.ts';

/** As published with the specification's libraries. */
const VECTOR = {
  secret: Buffer.from('MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', 'base64'),
  id: 'msg_p5jXN8AQM9LWM0D4loKWxJek',
  timestampSeconds: 1_614_265_330,
  body: '{"test": 2432232314}',
  signature: 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
};

it('signs as the specification says, once per secret', () => {
  const { secret, signature, ...signed } = VECTOR;
  expect(signatureHeaders(signed, [secret])).toEqual({
    'webhook-id': signed.id,
    'webhook-timestamp': '1614265330',
    'webhook-signature': signature,
  });
  const other = signatureHeaders(signed, [Buffer.alloc(32), secret])['webhook-signature'].split(' ');
  expect(other).toHaveLength(2);
  expect(other[1]).toBe(signature);
  expect(secretText(secret)).toBe('whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw');
});

it('derives a secret from key and salt, the same again and for nobody else', () => {
  const [salt, other] = [newSalt(), newSalt()];
  const key = 'k'.repeat(32);
  expect(endpointSecret(key, salt)).toEqual(endpointSecret(key, salt));
  expect(endpointSecret(key, salt)).toHaveLength(32);
  expect(endpointSecret(key, salt)).not.toEqual(endpointSecret(key, other));
  expect(endpointSecret(key, salt)).not.toEqual(endpointSecret('l'.repeat(32), salt));
  expect(keyId(key)).toMatch(/^[0-9a-f]{12}$/);
  expect(keyId(key)).not.toBe(keyId('l'.repeat(32)));
});
