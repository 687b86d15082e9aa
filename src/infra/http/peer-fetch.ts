import { request } from 'node:https';
import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import type { HttpTls } from '../../config/http-tls.ts';
import { withFreshFiles } from '../server-address.ts';

export interface PeerRequest {
  readonly headers: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
  /**
   * Whom the certificate has to be of. `anybody`: it is not looked at, for who asks its own machine and believes the answer no more than
   * its port. By default the host of the URL.
   */
  readonly certificateOf?: 'host' | 'anybody';
}

/**
 * `GET` at the admin port of a node, like `fetch`; over TLS with our own CA and certificate, which `fetch` of Node 20 cannot be
 * told. Rejects with the error of the socket or of its certificate.
 */
export async function peerFetch(url: URL, init: PeerRequest, tls: HttpTls['client']): Promise<Response> {
  if (url.protocol !== 'https:') return fetch(url, init);
  const message = await secureGet(url, init, tls);
  const headers = new Headers();
  for (const [name, value] of Object.entries(message.headers))
    if (typeof value === 'string') headers.set(name, value);
  const body = [204, 304].includes(message.statusCode ?? 0) ? null : webBody(message);
  return new Response(body, { status: message.statusCode ?? 502, headers });
}

function secureGet(url: URL, init: PeerRequest, tls: HttpTls['client']): Promise<IncomingMessage> {
  const { headers, signal, certificateOf } = init;
  const options = withFreshFiles(
    { rejectUnauthorized: certificateOf !== 'anybody' },
    { ca: tls.caFile, cert: tls.certFile, key: tls.keyFile },
  );
  return new Promise((resolve, reject) => {
    // No agent: a kept connection would outlive a stream that was given up.
    const sent = request(url, { ...options, headers: { ...headers }, signal, agent: false }, resolve);
    sent.once('error', reject);
    sent.end();
  });
}

function webBody(message: IncomingMessage): ReadableStream<Uint8Array> {
  // One of the two declarations of the same thing: Node's own is wider by what a byte stream can do besides.
  return Readable.toWeb(message) as ReadableStream<Uint8Array>;
}
