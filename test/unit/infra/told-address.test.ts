/**
 * What a node tells others of where it is. Without this: a node in a container leads whoever asks it to their own machine, or a node
 * whose address is no address loses its place in the cluster.
 */
import { isIPv4 } from 'node:net';
import { expect, it } from 'vitest';
import { NODE_RECORD_TEXT } from '../../../src/infra/redis/node-record.ts';
import { toldAddress } from '../../../src/infra/http/told-address.ts';

const LISTENING = 'http://127.0.0.1:9464';
const asked = { host: '127.0.0.1', listening: LISTENING, advertised: null, token: null };

it('is what it listens on, or what was set', () => {
  expect(toldAddress(asked)).toBe(LISTENING);
  const advertised = 'https://paygate-0.example';
  expect(toldAddress({ ...asked, host: '0.0.0.0', advertised })).toBe(advertised);
});

it('on all interfaces: an address of the machine for those with a token, the loopback where nobody else may read', () => {
  for (const host of ['0.0.0.0', '::']) {
    expect(toldAddress({ ...asked, host })).toBe(LISTENING);
    const { hostname, port } = new URL(toldAddress({ ...asked, host, token: 'a token of 16 letters' }));
    expect([isIPv4(hostname), port]).toEqual([true, '9464']);
  }
});

it('is cut to its origin by those who read it, and costs nothing but itself where it is none', () => {
  const record = { nodeId: 'a', incarnation: 'a1', inbox: 'inbox.a', startedAtMs: 0, draining: false };
  const read = (address?: string): unknown =>
    NODE_RECORD_TEXT.parse(JSON.stringify({ ...record, ...(address === undefined ? {} : { address }) }));
  expect(read('http://10.0.0.1:9464/path?query')).toEqual({ ...record, address: 'http://10.0.0.1:9464' });
  for (const none of [undefined, 'ftp://10.0.0.1', 'javascript:alert(1)', 'nonsense'])
    expect(read(none)).toMatchObject(record);
  expect(read('javascript:alert(1)')).not.toHaveProperty('address', expect.anything());
});
