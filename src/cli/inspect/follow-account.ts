import { setTimeout as sleep } from 'node:timers/promises';
import type { StreamMessage } from '../../contracts/inspection.ts';
import { ensureError } from '../../domain/errors.ts';
import { readEventStream } from '../../infra/inspection/read-event-stream.ts';
import type { HttpTls } from '../../config/http-tls.ts';
import { peerFetch } from '../../infra/http/peer-fetch.ts';
import { meaningOf } from '../../infra/server-errors.ts';
import { CommandError, EXIT } from '../exit-codes.ts';
import type { OwnerAddress } from './owner-address.ts';

export interface FollowOptions {
  readonly accountId: string;
  /** Asked again whenever the account may have moved. */
  readonly ownerAddress: () => Promise<OwnerAddress>;
  /** null: the node is on this machine. */
  readonly token: string | null;
  readonly tls: HttpTls['client'];
  readonly operator: string;
  /** Ends it. */
  readonly signal: AbortSignal;
  readonly onMessage: (message: StreamMessage) => void;
  /** Why nothing comes at the moment; each reason once. */
  readonly onTrouble: (why: string) => void;
}

const PAUSE_MS = 500;
const ANSWER_TIMEOUT_MS = 5_000;

/** How a connection ended: the account is on another node, or the node is gone. */
type End = 'moved' | 'lost';

/**
 * Passes on what is to be seen of an account, wherever it goes, until the signal. Rejects with `CommandError` when a node refuses.
 */
export async function followAccount(options: FollowOptions): Promise<void> {
  const { signal, ownerAddress, onTrouble } = options;
  const isOver = (): boolean => signal.aborted;
  let lastEventId = '';
  let told: string | null = null;
  const tell = (why: string | null): void => {
    if (why !== null && why !== told) onTrouble(why);
    told = why;
  };
  while (!isOver()) {
    try {
      const owner = await ownerAddress();
      if (owner.kind === 'not-yet') tell(owner.why);
      else {
        const { address, response } = await connectToAny(owner.addresses, options, lastEventId);
        const end = await readFrom(response, options, (id) => {
          lastEventId = id;
          tell(null);
        });
        if (end === 'lost') tell(`${address} is gone`);
      }
    } catch (error) {
      if (error instanceof CommandError) throw error;
      if (!isOver()) tell(ensureError(error).message);
    }
    await sleep(PAUSE_MS, undefined, { signal }).catch(() => undefined);
  }
}

/** The first that lets us look. A command in a container is beside the nodes, one on the machine is not. */
async function connectToAny(
  addresses: readonly string[],
  options: FollowOptions,
  lastEventId: string,
): Promise<{ readonly address: string; readonly response: Response }> {
  const troubles: string[] = [];
  for (const [index, address] of addresses.entries()) {
    try {
      return { address, response: await connect(address, options, lastEventId) };
    } catch (error) {
      const isLast = index === addresses.length - 1;
      if (options.signal.aborted || (isLast && error instanceof CommandError)) throw error;
      troubles.push(ensureError(error).message);
    }
  }
  throw new Error(troubles.join('; '));
}

async function readFrom(
  response: Response,
  options: FollowOptions,
  onId: (id: string) => void,
): Promise<End> {
  if (response.body === null) return 'lost';
  for await (const { id, data } of readEventStream(response.body)) {
    onId(id);
    // One of our nodes wrote it.
    const message = JSON.parse(data) as StreamMessage;
    options.onMessage(message);
    if (message.type === 'paygate.elsewhere' && message.owner !== null) return 'moved';
  }
  return 'lost';
}

/** Rejects with `CommandError` when the node answers and refuses. */
async function connect(
  address: string,
  { accountId, token, tls, operator, signal }: FollowOptions,
  lastEventId: string,
): Promise<Response> {
  const gaveUp = new AbortController();
  const patience = setTimeout(() => gaveUp.abort(new Error(`${address} does not answer`)), ANSWER_TIMEOUT_MS);
  try {
    const init = {
      signal: AbortSignal.any([signal, gaveUp.signal]),
      headers: {
        accept: 'text/event-stream',
        'x-paygate-operator': encodeURIComponent(operator),
        ...(token === null ? {} : { authorization: `Bearer ${token}` }),
        ...(lastEventId === '' ? {} : { 'last-event-id': lastEventId }),
      },
    };
    const response = await peerFetch(new URL(`/inspect/${accountId}/events`, address), init, tls);
    if (!response.ok) throw await refusal(address, response);
    if (response.headers.get('content-type')?.startsWith('text/event-stream') !== true)
      throw new Error(`${address} is none of our nodes`);
    return response;
  } catch (error) {
    throw isOfTheWay(error) ? new Error(`${address} cannot be reached: ${causeOf(error)}`) : error;
  } finally {
    clearTimeout(patience);
  }
}

/** `fetch` has failed, or a socket or its certificate has. */
function isOfTheWay(error: unknown): error is Error {
  return error instanceof TypeError || meaningOf(error) !== null;
}

/** What `fetch` hides behind "fetch failed". */
function causeOf(error: Error): string {
  const told = error instanceof TypeError && error.cause instanceof Error ? error.cause : error;
  const advice = meaningOf(told)?.advice;
  if (advice !== undefined) return `${advice} (${told.message})`;
  return 'code' in told && typeof told.code === 'string' ? told.code : told.message;
}

async function refusal(address: string, response: Response): Promise<Error> {
  const text = (await response.text()).slice(0, 200);
  if (response.status === 401)
    return new CommandError(
      `${address} does not let us look: from another machine it wants its CONSOLE_TOKEN (--token)`,
      EXIT.unavailable,
    );
  if (response.status === 503) return new Error(`${address} refuses: ${text}`);
  return new CommandError(`${address} answered ${response.status}: ${text}`, EXIT.unavailable);
}
