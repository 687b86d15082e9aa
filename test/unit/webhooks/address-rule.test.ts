/** Without this: an endpoint by which somebody reads, through us, what only our network may. */
import { expect, it } from 'vitest';
import type { WebhookPermit } from '../../../src/contracts/webhooks.ts';
import { addressObjection, urlObjection } from '../../../src/infra/webhooks/address-rule.ts';

const NOTHING: ReadonlySet<WebhookPermit> = new Set();
const ALL: ReadonlySet<WebhookPermit> = new Set(['http', 'loopback', 'private']);

it.each(['8.8.8.8', '2606:4700::1111', '::ffff:8.8.8.8'])('%s may be called', (address) => {
  expect(addressObjection(address, NOTHING)).toBeNull();
});

it.each(['127.0.0.1', '127.9.9.9', '::1', '::ffff:127.0.0.1', '::ffff:7f00:1'])(
  '%s is this machine',
  (address) => {
    expect(addressObjection(address, NOTHING)).toContain('this machine');
    expect(addressObjection(address, new Set(['private']))).not.toBeNull();
    expect(addressObjection(address, new Set(['loopback']))).toBeNull();
  },
);

it.each(['10.0.0.1', '172.31.255.255', '192.168.1.1', '100.64.0.1', 'fd00::1', '::ffff:10.0.0.1'])(
  '%s is private',
  (address) => {
    expect(addressObjection(address, NOTHING)).toContain('private');
    expect(addressObjection(address, new Set(['loopback']))).not.toBeNull();
    expect(addressObjection(address, new Set(['private']))).toBeNull();
  },
);

it.each([
  ...['0.0.0.0', '169.254.169.254', '224.0.0.1', '255.255.255.255', '::', 'fe80::1', 'ff02::1'],
  ...['::ffff:169.254.169.254', '64:ff9b::7f00:1', '2002:7f00:1::', 'no address'],
])('%s is never called', (address) => expect(addressObjection(address, ALL)).not.toBeNull());

it.each([
  ['https://example.com/hooks?a=b', NOTHING],
  ['https://8.8.8.8:8443/', NOTHING],
  ['http://[::1]:8080/', ALL],
])('%s may be called', (url, permits) => expect(urlObjection(url, permits)).toBeNull());

it.each([
  ...['http://example.com/', 'ftp://example.com/', 'example.com', '', 'https://user:secret@example.com/'],
  ...[
    'https://127.1/',
    'https://0x7f000001/',
    'https://2130706433/',
    'https://[::ffff:10.0.0.1]/',
    'https://[::1]/',
  ],
  `https://example.com/${'x'.repeat(2_000)}`,
])('%s may not', (url) => expect(urlObjection(url, NOTHING)).not.toBeNull());
