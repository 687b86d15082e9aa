import type pg from 'pg';
import type { AccountState } from '../../domain/account.ts';
import type { AccountStatus } from '../../domain/codes.ts';
import { counterAccountOf } from '../../domain/counter-account.ts';
import { orderTypeOf } from '../../domain/judge-order.ts';
import { CommitFailure } from '../../ports/ledger.ts';
import type { AccountOrder, OperatorLedger, OrderVerdict } from '../../ports/operator-ledger.ts';
import { sqlStateOf } from '../server-errors.ts';
import { failureKindOf } from './sql-state.ts';

/**
 * Operators' orders, each one call of `processor.apply_order` (migration 0005), beside the commit lanes: a release reads the
 * account's whole journal.
 */
export class PostgresOperatorLedger implements OperatorLedger {
  readonly #pool: pg.Pool;
  readonly #incarnation: string;

  constructor(pool: pg.Pool, incarnation: string) {
    this.#pool = pool;
    this.#incarnation = incarnation;
  }

  async apply(order: AccountOrder): Promise<OrderVerdict> {
    const { rows } = await this.#call(order);
    const [answer] = rows;
    if (answer === undefined) throw new CommitFailure('unknown', null, 'the order was not answered');
    return verdictOf(order.state, answer);
  }

  async #call(order: AccountOrder): Promise<pg.QueryResult<OrderAnswer>> {
    try {
      return await this.#pool.query<OrderAnswer>(APPLY, [
        JSON.stringify(orderRecord(order, this.#incarnation)),
      ]);
    } catch (error) {
      const sqlState = sqlStateOf(error);
      const message = error instanceof Error ? error.message : String(error);
      throw new CommitFailure(failureKindOf(sqlState), sqlState, message, { cause: error });
    }
  }
}

/** Integers as text: they may exceed 2^53. */
const APPLY = `
select verdict, detail, seq::text, balance_cents::text as "balanceCents", status,
       overdraft_cents::text as "overdraftCents", outbox_id::text as "outboxId"
  from processor.apply_order(jsonb_populate_record(null::processor.operator_order, $1::jsonb))`;

type OrderAnswer =
  | { readonly verdict: 'fenced' | 'stale' }
  | { readonly verdict: 'refused'; readonly detail: string }
  | {
      readonly verdict: 'done' | 'repeat';
      readonly seq: string;
      readonly balanceCents: string;
      readonly status: AccountStatus;
      readonly overdraftCents: string;
      readonly outboxId: string | null;
    };

/** `processor.operator_order`. A refused order says what it is all the same: it may have been carried out before. */
function orderRecord({ shard, epoch, state, command, judgement }: AccountOrder, writer: string): object {
  const { action, orderId, accountId, operator, why } = command;
  const type = orderTypeOf(action);
  const after = judgement.kind === 'accepted' ? judgement : state;
  const amountCents = action.kind === 'adjust' ? action.amountCents : 0n;
  const overdraftCents = action.kind === 'overdraft' ? action.overdraftCents : after.overdraftCents;
  return {
    order_id: orderId,
    account_id: accountId,
    shard,
    epoch: String(epoch),
    expected_seq: String(state.seq),
    expected_balance_cents: String(state.balanceCents),
    expected_overdraft_cents: String(state.overdraftCents),
    expected_status: state.status,
    action: action.kind,
    type,
    refusal: judgement.kind === 'refused' ? judgement.detail : null,
    amount_cents: String(amountCents),
    balance_cents: String(after.balanceCents),
    overdraft_cents: String(overdraftCents),
    status: after.status === 'as-before' ? null : after.status,
    counter_account: counterAccountOf(type),
    operator,
    why,
    writer,
  };
}

function verdictOf(state: AccountState, answer: OrderAnswer): OrderVerdict {
  switch (answer.verdict) {
    case 'fenced':
    case 'stale':
      return { kind: answer.verdict };
    case 'refused': {
      const result = { kind: 'refused', detail: answer.detail } as const;
      return { kind: 'ended', result, state, outboxId: null };
    }
    case 'done':
    case 'repeat': {
      const { status } = answer;
      const [seq, balanceCents] = [BigInt(answer.seq), BigInt(answer.balanceCents)];
      const overdraftCents = BigInt(answer.overdraftCents);
      const carriedOut = { seq, balanceCents, overdraftCents, status };
      return {
        kind: 'ended',
        result: { kind: 'done', ...carriedOut },
        state: answer.verdict === 'done' ? { accountId: state.accountId, ...carriedOut } : state,
        outboxId: answer.outboxId === null ? null : BigInt(answer.outboxId),
      };
    }
  }
}
