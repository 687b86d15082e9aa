import { lookup } from 'node:dns';
import type { LookupAddress } from 'node:dns';
import { Agent as HttpAgent, request as requestHttp } from 'node:http';
import type { ClientRequest, IncomingMessage, RequestOptions } from 'node:http';
import { Agent as HttpsAgent, request as requestHttps } from 'node:https';
import type { LookupFunction } from 'node:net';
import type { WebhookPermit } from '../../contracts/webhooks.ts';
import type { ExternalCode } from '../../domain/codes.ts';
import { ensureError } from '../../domain/errors.ts';
import type { FailedOutcome, WebhookOutcome } from '../../domain/webhooks/outcome.ts';
import { LIMITS } from '../../limits.ts';
import type { WebhookRequest, WebhookSender } from '../../ports/webhooks.ts';
import { addressObjection, urlObjection } from './address-rule.ts';

export interface HttpSenderOptions {
  readonly permits: ReadonlySet<WebhookPermit>;
  /** From the look-up of the name to the head of the answer. */
  readonly timeoutMs: number;
  readonly userAgent: string;
}

class AddressForbidden extends Error {
  override readonly name = 'AddressForbidden';
}

/**
 * Posts one body over HTTP.
 *
 * P1. An address is judged where it is connected to: after its name was looked up, so a name that points somewhere else now is no way in.
 * P2. Redirects are not followed. What answers with one has not taken the event.
 * P3. The head of the answer decides. Of its body nothing is kept, and no more than `webhookAnswerBytesMax` is read.
 */
export class HttpWebhookSender implements WebhookSender {
  readonly #options: HttpSenderOptions;
  readonly #agents: { readonly http: HttpAgent; readonly https: HttpsAgent };

  constructor(options: HttpSenderOptions) {
    this.#options = options;
    const shared = {
      keepAlive: true,
      maxFreeSockets: LIMITS.webhooksPerEndpointMax,
      scheduling: 'lifo',
    } as const;
    this.#agents = { http: new HttpAgent(shared), https: new HttpsAgent(shared) };
  }

  async send(request: WebhookRequest): Promise<WebhookOutcome> {
    const { permits, timeoutMs } = this.#options;
    const objection = urlObjection(request.url, permits);
    if (objection !== null) return failure('ENDPOINT_FORBIDDEN', objection);
    const deadline = AbortSignal.timeout(timeoutMs);
    try {
      const answer = await this.#post(request, AbortSignal.any([request.signal, deadline]));
      return outcomeOf(answer);
    } catch (error) {
      if (request.signal.aborted) return { kind: 'aborted' };
      if (deadline.aborted) return failure('ENDPOINT_TIMEOUT', `no answer within ${String(timeoutMs)} ms`);
      return failureOf(ensureError(error));
    }
  }

  close(): void {
    this.#agents.http.destroy();
    this.#agents.https.destroy();
  }

  /** Resolves with the head of the answer, whatever it is. */
  #post({ url, headers, body }: WebhookRequest, signal: AbortSignal): Promise<IncomingMessage> {
    const content = Buffer.from(body);
    const target = new URL(url);
    const isSafe = target.protocol === 'https:';
    const options: RequestOptions = {
      method: 'POST',
      agent: isSafe ? this.#agents.https : this.#agents.http,
      lookup: lookupFor(this.#options.permits),
      signal,
      headers: {
        ...headers,
        'content-type': 'application/json',
        'content-length': content.byteLength,
        'user-agent': this.#options.userAgent,
      },
    };
    return new Promise((resolve, reject) => {
      const posting = (isSafe ? requestHttps : requestHttp)(target, options, (answer) => {
        discard(answer, posting);
        resolve(answer);
      });
      posting.on('error', reject);
      posting.end(content);
    });
  }
}

/** P1. Not called for a host that is an address: `urlObjection` has judged that. */
function lookupFor(permits: ReadonlySet<WebhookPermit>): LookupFunction {
  return (host, options, callback) => {
    lookup(host, { ...options, all: true }, (error, found: readonly LookupAddress[]) => {
      if (error !== null) {
        callback(error, '');
        return;
      }
      const objection = found
        .map(({ address }) => addressObjection(address, permits))
        .find((one) => one !== null);
      const [first] = found;
      if (objection !== undefined) callback(new AddressForbidden(`${host}: ${objection}`), '');
      else if (first === undefined) callback(new Error(`${host} has no address`), '');
      else if (options.all === true) callback(null, [...found]);
      else callback(null, first.address, first.family);
    });
  };
}

/** Reads the rest of an answer away, so that its connection can be used again; a long one is cut off with it. */
function discard(answer: IncomingMessage, posting: ClientRequest): void {
  let bytes = 0;
  answer.on('data', (chunk: Buffer) => {
    bytes += chunk.byteLength;
    if (bytes > LIMITS.webhookAnswerBytesMax) posting.destroy();
  });
  // The outcome was decided by the head.
  answer.on('error', () => undefined);
}

function outcomeOf({ statusCode = 0, headers }: IncomingMessage): WebhookOutcome {
  if (statusCode >= 200 && statusCode < 300) return { kind: 'delivered', status: statusCode };
  const detail = `HTTP ${String(statusCode)}`;
  if (statusCode === 410) return { ...failure('ENDPOINT_GONE', detail), status: statusCode };
  if (statusCode >= 300 && statusCode < 400)
    return { ...failure('ENDPOINT_REDIRECTS', `${detail}: redirects are not followed`), status: statusCode };
  const retryAfterMs = secondsOf(headers['retry-after']);
  return { ...failure('ENDPOINT_REFUSED', detail), status: statusCode, retryAfterMs };
}

/** Of `Retry-After` in seconds; a date is left alone. */
function secondsOf(text: string | undefined): number | null {
  if (text === undefined || !/^\d{1,6}$/.test(text.trim())) return null;
  return Math.min(Number(text) * 1_000, LIMITS.webhookRetryMsMax);
}

function failure(code: ExternalCode, detail: string): FailedOutcome {
  return {
    kind: 'failed',
    code,
    status: null,
    detail: detail.slice(0, LIMITS.detailCharsMax),
    retryAfterMs: null,
  };
}

function failureOf(error: Error): FailedOutcome {
  if (error instanceof AddressForbidden) return failure('ENDPOINT_FORBIDDEN', error.message);
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  // A host with several addresses fails with all of them.
  const said = error.message === '' ? code : error.message;
  return failure(UNTRUSTED.test(code) ? 'ENDPOINT_UNTRUSTED' : 'ENDPOINT_UNREACHABLE', said);
}

/** Codes of a certificate that is not believed, and of a handshake that fails. */
const UNTRUSTED = /CERT|SELF_SIGNED|UNABLE_TO_|ERR_TLS|ERR_SSL|EPROTO|CRL/;
