import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

export interface Posted {
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** How an endpoint answers: a status, with headers if need be, or never. */
export type Answer =
  | { readonly status: number; readonly headers?: Readonly<Record<string, string>>; readonly body?: string }
  | 'never';

export const OK: Answer = { status: 204 };

/** An HTTP server that remembers all that is posted to it, and answers as the test wants. */
export class WebhookReceiver {
  readonly posted: Posted[] = [];
  /** May look at what came. */
  answer: (posted: Posted) => Answer = () => OK;
  readonly #server: Server;

  private constructor() {
    this.#server = createServer((request, response) => void this.#take(request, response));
  }

  static async listen(): Promise<WebhookReceiver> {
    const receiver = new WebhookReceiver();
    receiver.#server.listen(0, '127.0.0.1');
    await once(receiver.#server, 'listening');
    return receiver;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  url(path = '/hooks'): string {
    return `http://127.0.0.1:${String(this.port)}${path}`;
  }

  ids(): readonly string[] {
    return this.posted.map(({ headers }) => headers['webhook-id'] ?? '');
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }

  async #take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    // Whoever posts may give up in the middle.
    const body = await text(request).catch(() => null);
    if (body === null) return;
    const headers = Object.fromEntries(
      Object.entries(request.headers).map(([name, value]) => [name, String(value)]),
    );
    const posted = { path: request.url ?? '', headers, body };
    this.posted.push(posted);
    const answer = this.answer(posted);
    if (answer === 'never') return;
    response.writeHead(answer.status, answer.headers).end(answer.body);
  }
}
