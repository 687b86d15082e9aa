import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { uuid } from '../../contracts/fields.ts';
import type { AccountState } from '../../domain/account.ts';
import { ensureError } from '../../domain/errors.ts';

/** Where a balance is to be had. */
export type BalanceAnswer =
  | { readonly kind: 'known'; readonly state: AccountState; readonly shard: number }
  | { readonly kind: 'account-unknown' }
  /** Another node owns the account's shard; ask it. */
  | { readonly kind: 'elsewhere'; readonly nodeId: string; readonly shard: number }
  /** Nobody owns the shard at the moment, or this node does not know yet. */
  | { readonly kind: 'unowned'; readonly shard: number };

/** Of the account as it is committed. Rejects when the ledger does not answer. */
export type ReadBalance = (accountId: string) => Promise<BalanceAnswer>;

const PARAMS = z.object({ id: uuid.transform((id) => id.toLowerCase()) });

const RETRY_AFTER_SECONDS = 1;

/**
 * `GET /accounts/<id>/balance`: the exact balance, from the node that owns the account. 421 names the owner where this is another
 * node; 404: no such account; 503: try again.
 */
export function addBalanceRoute(server: FastifyInstance, readBalance: ReadBalance): void {
  server.get('/accounts/:id/balance', async (request, reply) => {
    const params = PARAMS.safeParse(request.params);
    if (!params.success) return reply.code(400).send({ error: 'an account id is a UUID' });
    let answer: BalanceAnswer;
    try {
      answer = await readBalance(params.data.id);
    } catch (error) {
      request.log.debug({ err: ensureError(error) }, 'a balance could not be read');
      return reply
        .code(503)
        .header('retry-after', RETRY_AFTER_SECONDS)
        .send({ error: 'the ledger does not answer' });
    }
    reply.header('cache-control', 'no-store');
    switch (answer.kind) {
      case 'known':
        return reply.send(balanceOf(answer.state, answer.shard));
      case 'account-unknown':
        return reply.code(404).send({ error: 'there is no such account' });
      case 'elsewhere':
        return reply.code(421).send({
          error: 'another node owns this account',
          owner: answer.nodeId,
          shard: answer.shard,
        });
      case 'unowned':
        return reply.code(503).header('retry-after', RETRY_AFTER_SECONDS).send({
          error: 'no node owns this account at the moment',
          shard: answer.shard,
        });
    }
  });
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
