/** The proxy that cuts one node off in the cluster tests. Without this: a partition that lets bytes through, or loses them. */
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { TcpProxy } from '../cluster/support/tcp-proxy.ts';
import { eventually } from '../support/services.ts';

let server: Server;
let proxy: TcpProxy;
let url: string;
let received: string;
const clients: Socket[] = [];

beforeEach(async () => {
  received = '';
  server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.on('data', (chunk) => {
      received += chunk.toString();
      socket.write(`heard ${chunk.toString()}`);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  url = `tcp://127.0.0.1:${(server.address() as AddressInfo).port}/path?query`;
  proxy = await TcpProxy.inFrontOf(url);
});

afterEach(async () => {
  for (const client of clients.splice(0)) client.destroy();
  await proxy.close();
  server.close();
});

function join(): { readonly socket: Socket; readonly heard: () => string } {
  const { hostname, port } = new URL(proxy.through(url));
  const socket = connect(Number(port), hostname);
  clients.push(socket);
  socket.on('error', () => undefined);
  let heard = '';
  socket.on('data', (chunk) => (heard += chunk.toString()));
  return { socket, heard: () => heard };
}

it('passes bytes both ways, and leaves the rest of the URL as it is', async () => {
  expect(proxy.through(url)).toMatch(/^tcp:\/\/127\.0\.0\.1:\d+\/path\?query$/);
  const { socket, heard } = join();
  socket.write('one');
  await eventually(() => expect(heard()).toBe('heard one'));
});

it('a silent cut holds what is sent, also on new connections, until it is healed', async () => {
  const old = join();
  old.socket.write('one');
  await eventually(() => expect(old.heard()).toBe('heard one'));
  proxy.cut('silent');
  const fresh = join();
  await once(fresh.socket, 'connect');
  old.socket.write('two');
  fresh.socket.write('three');
  // Both directions of another connection, past the cut, are proof that there was time enough.
  const direct = connect(Number(new URL(url).port), '127.0.0.1');
  direct.write('direct');
  await once(direct, 'data');
  direct.destroy();
  expect(received).toBe('onedirect');
  proxy.heal();
  await eventually(() => {
    expect(old.heard()).toBe('heard oneheard two');
    expect(fresh.heard()).toBe('heard three');
  });
});

it('a reset ends every connection and refuses new ones until it is healed', async () => {
  const old = join();
  await once(old.socket, 'connect');
  old.socket.write('one');
  await eventually(() => expect(old.heard()).toBe('heard one'));
  proxy.cut('reset');
  const refused = join();
  await eventually(() => expect([old.socket.closed, refused.socket.closed]).toEqual([true, true]));
  proxy.heal();
  const fresh = join();
  fresh.socket.write('two');
  await eventually(() => expect(fresh.heard()).toBe('heard two'));
});
