import type { AccountState } from '../domain/account.ts';
import type { AccountStatus } from '../domain/codes.ts';
import type { BalanceEnvelope } from '../machines/mailbox.ts';
import type { BalanceCache, CachedBalance } from '../ports/balance-cache.ts';
import type { AccountReader, CardTotal } from '../ports/ledger.ts';
import type { Clock, Logger } from '../ports/runtime.ts';
import type { CacheWriter } from './cache-writer.ts';
import { TurnBatch } from './turn-batch.ts';

export interface BalanceDeskOptions {
  readonly writer: CacheWriter;
  readonly cache: Pick<BalanceCache, 'generation'>;
  readonly reader: Pick<AccountReader, 'account' | 'cardTotal' | 'journalCheck'>;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Sets an account aside whose balance is not what its journal says. The request comes back when the ledger knows that. */
  readonly quarantine: (accountId: string, reason: string, request: BalanceEnvelope) => void;
}

type Reading =
  | { readonly kind: 'right'; readonly state: AccountState }
  | { readonly kind: 'wrong'; readonly status: AccountStatus; readonly detail: string }
  | { readonly kind: 'gone' };

/**
 * Answers balance requests: the balance goes into the cache, then the request is settled.
 *
 * Owns a request from `answer` until it is settled, or waits for a quarantine.
 * N1. Settled only after the cache has confirmed the balance; while the cache is away the request stays unacknowledged.
 * N2. A forced recalculation compares the balance with the sum of the journal, both of one moment. If they differ the
 *     account is quarantined, and then, not before, the request fails; nothing is repaired silently.
 * N3. For an account that is quarantined already, what the ledger holds is shown, whatever an actor remembers.
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
    const { cardId, forceRecalculation } = request.command;
    const mustLookUp = cardId !== null || forceRecalculation || state.status === 'quarantined';
    if (mustLookUp) this.#looking.add(request);
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
        if (reading.status === 'quarantined')
          request.settle({ kind: 'failed', code: 'INVARIANT_BROKEN', detail: reading.detail });
        else quarantine(accountId, reading.detail, request);
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

  async #recalculate(accountId: string): Promise<Reading> {
    const check = await this.#options.reader.journalCheck(accountId);
    if (check === null) return { kind: 'gone' };
    const { state, journalCents } = check;
    if (state.balanceCents === journalCents) return { kind: 'right', state };
    const detail = `balance ${state.balanceCents.toString()} at seq ${state.seq.toString()}, sum of the journal ${journalCents.toString()} (cents)`;
    return { kind: 'wrong', status: state.status, detail };
  }
}

function cardBalance({ cardId, totalCents, seq }: CardTotal): CachedBalance {
  return { kind: 'card', id: cardId, cents: totalCents, version: seq };
}
