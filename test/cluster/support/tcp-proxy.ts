import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';

/** How a cut shows: nothing comes through and nobody is told, or every connection is reset. */
export type Cut = 'silent' | 'reset';

interface Pair {
  readonly near: Socket;
  /** null: it came in while the way was cut. */
  far: Socket | null;
}

/**
 * Stands between one node and one server, so that a test can cut this node off and nobody else.
 *
 * Owns its connections. 1. What was sent into a silent cut arrives after it, in order, as on a network that lost packets.
 * 2. While it is cut no byte passes in either direction.
 */
export class TcpProxy {
  readonly #server: Server;
  readonly #target: { readonly host: string; readonly port: number };
  readonly #pairs = new Set<Pair>();
  #cut: Cut | null = null;

  private constructor(server: Server, target: { readonly host: string; readonly port: number }) {
    this.#server = server;
    this.#target = target;
  }

  /** In front of the server that the URL names. */
  static async inFrontOf(url: string): Promise<TcpProxy> {
    const { hostname, port } = new URL(url);
    const server = createServer({ pauseOnConnect: true, noDelay: true });
    const proxy = new TcpProxy(server, { host: hostname, port: Number(port) });
    server.on('connection', (socket) => proxy.#accept(socket));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return proxy;
  }

  /** The same URL by way of the proxy. */
  through(url: string): string {
    const { port } = this.#server.address() as AddressInfo;
    const placed = new URL(url);
    placed.hostname = '127.0.0.1';
    placed.port = String(port);
    return placed.href;
  }

  cut(how: Cut): void {
    this.#cut = how;
    for (const pair of this.#pairs) this.#obstruct(pair, how);
  }

  heal(): void {
    this.#cut = null;
    for (const pair of this.#pairs) {
      if (pair.far === null) this.#join(pair);
      pair.near.resume();
      pair.far?.resume();
    }
  }

  async close(): Promise<void> {
    for (const pair of this.#pairs) this.#obstruct(pair, 'reset');
    this.#server.close();
    await once(this.#server, 'close');
  }

  #accept(near: Socket): void {
    const pair: Pair = { near, far: null };
    this.#pairs.add(pair);
    near.on('error', () => near.destroy());
    near.on('close', () => {
      this.#pairs.delete(pair);
      pair.far?.destroy();
    });
    if (this.#cut === 'reset') near.resetAndDestroy();
    if (this.#cut !== null) return;
    this.#join(pair);
    near.resume();
  }

  #join(pair: Pair): void {
    const far = connect({ ...this.#target, noDelay: true });
    pair.far = far;
    far.on('error', () => far.destroy());
    far.on('close', () => pair.near.destroy());
    pass(pair.near, far);
    pass(far, pair.near);
  }

  #obstruct({ near, far }: Pair, how: Cut): void {
    if (how === 'silent') {
      near.pause();
      far?.pause();
      return;
    }
    near.resetAndDestroy();
    far?.destroy();
  }
}

/** Not `pipe`, which would resume by itself what a cut has paused. */
function pass(from: Socket, to: Socket): void {
  from.on('data', (chunk) => void to.write(chunk));
  from.on('end', () => to.end());
}
