import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { uuid } from '../../contracts/fields.ts';
import type { AccountState } from '../../domain/account.ts';
import { ensureError } from '../../domain/errors.ts';
import type { NodeAddress } from '../../ports/cluster.ts';
import type { LinkState } from '../../ports/connection.ts';
import type { Access } from './access.ts';

/** Where a balance is to be had. */
export type BalanceAnswer =
  | { readonly kind: 'known'; readonly state: AccountState; readonly shard: number }
  | { readonly kind: 'account-unknown' }
  /** Another node owns the account's shard. */
  | ({ readonly kind: 'elsewhere'; readonly nodeId: string; readonly shard: number } & NodeAddress)
  /** Another node owns it, and nobody has said where its admin port is. */
  | {
      readonly kind: 'owner-not-found';
      readonly nodeId: string;
      readonly redis: LinkState;
      readonly shard: number;
    }
  /** Nobody owns the shard at the moment, or this node does not know yet. */
  | { readonly kind: 'unowned'; readonly shard: number };

export interface BalanceRouteOptions {
  readonly access: Pick<Access, 'mayRead'>;
  /** `HTTP_PEER_URL`: whoever asks us there is beside the nodes, and led on in the same way; null: there is none. */
  readonly peerUrl: string | null;
  /** Of the account as it is committed. Rejects when the ledger does not answer. */
  readonly readBalance: (accountId: string) => Promise<BalanceAnswer>;
}

const PARAMS = z.object({ id: uuid.transform((id) => id.toLowerCase()) });

const RETRY_AFTER_SECONDS = 1;

/**
 * `GET /accounts/<id>/balance`: the exact balance, from the node that owns the account. 307 to the owner where this is another node;
 * 401: who asks may not read (see `Access`); 404: no such account; 503: try again.
 */
export function addBalanceRoute(server: FastifyInstance, options: BalanceRouteOptions): void {
  server.get('/accounts/:id/balance', async (request, reply) => {
    reply.header('cache-control', 'no-store');
    if (!options.access.mayRead(request)) {
      const error =
        'only this machine may read here; from elsewhere set CONSOLE_TOKEN and send it as a bearer token';
      return reply.code(401).header('www-authenticate', 'Bearer').send({ error });
    }
    const params = PARAMS.safeParse(request.params);
    if (!params.success) return reply.code(400).send({ error: 'an account id is a UUID' });
    const { id } = params.data;
    try {
      return await send(reply, id, forAsker(await options.readBalance(id), request, options));
    } catch (error) {
      request.log.debug({ err: ensureError(error) }, 'a balance could not be read');
      return later(reply, { error: 'the ledger does not answer' });
    }
  });
}

function forAsker(
  answer: BalanceAnswer,
  request: FastifyRequest,
  { peerUrl }: BalanceRouteOptions,
): BalanceAnswer {
  const isBesideUs = peerUrl !== null && request.host === new URL(peerUrl).host;
  return answer.kind === 'elsewhere' && isBesideUs ? { ...answer, address: answer.peerAddress } : answer;
}

function send(reply: FastifyReply, accountId: string, answer: BalanceAnswer): FastifyReply {
  switch (answer.kind) {
    case 'known':
      return reply.send(balanceOf(answer.state, answer.shard));
    case 'account-unknown':
      return reply.code(404).send({ error: 'there is no such account' });
    case 'elsewhere': {
      const { nodeId: owner, address, shard } = answer;
      // The address is a peer's own word and the rest is ours: nothing of the request is in it but an id.
      return reply
        .code(307)
        .header('location', `${address}/accounts/${accountId}/balance`)
        .send({ error: 'another node owns this account', owner, shard });
    }
    case 'owner-not-found': {
      const { nodeId: owner, redis, shard } = answer;
      const why =
        redis === 'up'
          ? 'it has not said where its admin port is'
          : 'Redis, which would know its address, is away';
      return later(reply, { error: `another node owns this account, and ${why}`, owner, shard });
    }
    case 'unowned':
      return later(reply, { error: 'no node owns this account at the moment', shard: answer.shard });
  }
}

function later(
  reply: FastifyReply,
  body: { readonly error: string; readonly owner?: string; readonly shard?: number },
): FastifyReply {
  return reply.code(503).header('retry-after', RETRY_AFTER_SECONDS).send(body);
}

/** Amounts are decimal text; as a number too where a number holds it exactly, else null. */
function balanceOf({ accountId, balanceCents, seq, status, overdraftCents }: AccountState, shard: number) {
  return {
    account_id: accountId,
    balance_cents: balanceCents.toString(),
    balance_cents_number: safeNumber(balanceCents),
    overdraft_cents: overdraftCents.toString(),
    seq: seq.toString(),
    status,
    shard,
  };
}

function safeNumber(cents: bigint): number | null {
  const number = Number(cents);
  return Number.isSafeInteger(number) ? number : null;
}
