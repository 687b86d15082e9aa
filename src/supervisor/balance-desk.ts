import type { AccountState } from '../domain/account.ts';
import type { BalanceEnvelope } from '../machines/mailbox.ts';
import type { BalanceCache, CachedBalance } from '../ports/balance-cache.ts';
import type { AccountReader, CardTotal } from '../ports/ledger.ts';
import type { Clock, Logger } from '../ports/runtime.ts';
import type { CacheWriter } from './cache-writer.ts';
import { TurnBatch } from './turn-batch.ts';

export interface BalanceDeskOptions {
  readonly writer: CacheWriter;
  readonly cache: Pick<BalanceCache, 'generation'>;
  readonly reader: Pick<AccountReader, 'account' | 'cardTotal' | 'journalSum'>;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Sets an account aside whose balance is not what its journal says. */
  readonly quarantine: (accountId: string, reason: string) => void;
}

/** How often a sum is taken again because the account was decided on while it was read. */
const RECALCULATIONS_MAX = 10;

type Reading =
  | { readonly kind: 'right'; readonly state: AccountState }
  | { readonly kind: 'wrong'; readonly detail: string }
  | { readonly kind: 'gone' };

/**
 * Answers balance requests: the balance goes into the cache, then the request is settled.
 *
 * Owns a request from `answer` until it is settled.
 * N1. Settled only after the cache has confirmed the balance; while the cache is away the request stays unacknowledged.
 * N2. A forced recalculation compares the balance with the sum of the journal, both at the same seq. If they differ the
 *     account is quarantined and the request fails; nothing is repaired silently, nothing wrong is shown.
 */
export class BalanceDesk {
  readonly #options: BalanceDeskOptions;
  readonly #looking: TurnBatch<BalanceEnvelope>;

  constructor(options: BalanceDeskOptions) {
    const { clock, logger } = options;
    this.#options = options;
    this.#looking = new TurnBatch({
      name: 'answering balance requests',
      clock,
      logger,
      work: (requests) => this.#lookUp(requests),
    });
  }

  /** `state`: the account as it is committed. */
  answer(request: BalanceEnvelope, state: AccountState): void {
    if (request.command.cardId !== null || request.command.forceRecalculation) this.#looking.add(request);
    else this.#show(request, state, this.#options.cache.generation());
  }

  #show(request: BalanceEnvelope, state: AccountState, generation: string | null): void {
    const { writer } = this.#options;
    const { accountId, balanceCents, seq } = state;
    writer.put({ kind: 'account', id: accountId, cents: balanceCents, version: seq }, generation);
    writer.whenWritten(() => request.settle({ kind: 'answered' }));
  }

  /** One that cannot be read makes all of them come again; those that were settled are not settled twice. */
  async #lookUp(requests: readonly BalanceEnvelope[]): Promise<void> {
    await Promise.all(requests.map((request) => this.#lookUpOne(request)));
  }

  async #lookUpOne(request: BalanceEnvelope): Promise<void> {
    const { writer, reader, cache, quarantine } = this.#options;
    const { accountId, cardId, forceRecalculation } = request.command;
    const generation = cache.generation();
    const reading = forceRecalculation ? await this.#recalculate(accountId) : await this.#read(accountId);
    switch (reading.kind) {
      case 'gone': {
        const detail = `there is no account ${accountId} any more`;
        request.settle({ kind: 'failed', code: 'ACCOUNT_UNKNOWN', detail });
        break;
      }
      case 'wrong':
        quarantine(accountId, reading.detail);
        request.settle({ kind: 'failed', code: 'INVARIANT_BROKEN', detail: reading.detail });
        break;
      case 'right': {
        const total = cardId === null ? null : await reader.cardTotal(cardId);
        if (total !== null) writer.put(cardBalance(total), generation);
        this.#show(request, reading.state, generation);
      }
    }
  }

  async #read(accountId: string): Promise<Reading> {
    const state = await this.#options.reader.account(accountId);
    return state === null ? { kind: 'gone' } : { kind: 'right', state };
  }

  /** The balance before and after the sum is at the same seq: nothing was decided in between. */
  async #recalculate(accountId: string): Promise<Reading> {
    const { reader } = this.#options;
    for (let round = 0; round < RECALCULATIONS_MAX; round += 1) {
      const before = await reader.account(accountId);
      const sumCents = await reader.journalSum(accountId);
      const after = await reader.account(accountId);
      if (before === null || after === null) return { kind: 'gone' };
      if (before.seq !== after.seq) continue;
      if (sumCents === after.balanceCents) return { kind: 'right', state: after };
      const detail = `balance ${after.balanceCents.toString()} at seq ${after.seq.toString()}, sum of the journal ${sumCents.toString()} (cents)`;
      return { kind: 'wrong', detail };
    }
    throw new Error(`account ${accountId} did not stand still for a recalculation`);
  }
}

function cardBalance({ cardId, totalCents, seq }: CardTotal): CachedBalance {
  return { kind: 'card', id: cardId, cents: totalCents, version: seq };
}
