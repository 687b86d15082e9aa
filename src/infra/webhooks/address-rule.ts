import { BlockList, isIP } from 'node:net';
import type { WebhookPermit } from '../../contracts/webhooks.ts';

type Network = readonly [address: string, bits: number];

/** This machine. */
const LOOPBACK: readonly Network[] = [
  ['127.0.0.0', 8],
  ['::1', 128],
];
/** Inner networks. */
const PRIVATE: readonly Network[] = [
  ['10.0.0.0', 8],
  ['172.16.0.0', 12],
  ['192.168.0.0', 16],
  ['100.64.0.0', 10],
  ['fc00::', 7],
];
/** Never: this network, link-local (where clouds keep their credentials), multicast, documentation, tests, reserved, translated. */
const NEVER: readonly Network[] = [
  ['0.0.0.0', 8],
  ['169.254.0.0', 16],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 4],
  ['240.0.0.0', 4],
  ['::', 128],
  ['64:ff9b::', 96],
  ['64:ff9b:1::', 48],
  ['100::', 64],
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['fe80::', 10],
  ['fec0::', 10],
  ['ff00::', 8],
];

function blockList(networks: readonly Network[]): BlockList {
  const list = new BlockList();
  for (const [address, bits] of networks)
    list.addSubnet(address, bits, isIP(address) === 6 ? 'ipv6' : 'ipv4');
  return list;
}

const LISTS = { loopback: blockList(LOOPBACK), private: blockList(PRIVATE), never: blockList(NEVER) };

/** `::ffff:10.0.0.1`, in whatever spelling, is 10.0.0.1; a BlockList compares it with its IPv4 networks itself. */
function isIn(list: BlockList, address: string): boolean {
  return list.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4');
}

/** Why this IP address may not be called, in words; null: it may. */
export function addressObjection(address: string, permits: ReadonlySet<WebhookPermit>): string | null {
  if (isIP(address) === 0) return `${address} is no address`;
  if (isIn(LISTS.never, address)) return `${address} is never called`;
  if (!permits.has('loopback') && isIn(LISTS.loopback, address)) return `${address} is this machine`;
  if (!permits.has('private') && isIn(LISTS.private, address)) return `${address} is in a private network`;
  return null;
}

const URL_CHARS_MAX = 2_000;

/** Why this URL may not be called, in words, as far as can be seen without asking for its address; null: it may. */
export function urlObjection(text: string, permits: ReadonlySet<WebhookPermit>): string | null {
  if (text.length > URL_CHARS_MAX) return `expected at most ${URL_CHARS_MAX} characters`;
  if (!URL.canParse(text)) return 'expected a URL like https://example.com/hooks';
  const url = new URL(text);
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && permits.has('http')))
    return 'expected a URL that starts with https://';
  if (url.username !== '' || url.password !== '')
    return 'expected a URL without a name or password: requests are signed';
  const host = hostOf(url);
  return isIP(host) === 0 ? null : addressObjection(host, permits);
}

/** Without the brackets of an IPv6 address. */
export function hostOf({ hostname }: URL): string {
  return hostname.replace(/^\[|\]$/g, '');
}
