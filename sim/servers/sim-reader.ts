import type { AccountState, OriginalFact } from '../../src/domain/account.ts';
import type { StoredTransaction } from '../../src/domain/identity.ts';
import { noHistory, RecentDecisions } from '../../src/domain/rules/history.ts';
import type { PastDecisions } from '../../src/domain/rules/history.ts';
import type {
  AccountReader,
  CardTotal,
  HistoryRequest,
  HydratedAccount,
  JournalCheck,
} from '../../src/ports/ledger.ts';
import { TableStore } from './table-store.ts';

/** Reads the simulated ledger: what is committed when the question arrives. */
export class SimReader extends TableStore implements AccountReader {
  account(accountId: string): Promise<HydratedAccount | null> {
    const tables = this.tables;
    return this.ask(() => {
      const state = tables.stateOf(accountId);
      if (state === null) return null;
      const throwsLeft = tables.throwing.get(accountId) ?? 0;
      if (throwsLeft > 0) {
        tables.throwing.set(accountId, throwsLeft - 1);
        return throwing(state);
      }
      const hasParked = tables.parked.some((row) => row.accountId === accountId);
      const lastEventMs = tables.journals.get(accountId)?.at(-1)?.decision.eventTime.atMs ?? -Infinity;
      return { ...state, hasParked, lastEventMs };
    });
  }

  history({ accountId, seq, needs }: HistoryRequest): Promise<PastDecisions> {
    return this.ask(() => {
      const recent = new RecentDecisions(noHistory(-Infinity), needs);
      for (const { decision } of this.tables.journals.get(accountId) ?? [])
        if (decision.seq <= seq) recent.add(decision);
      return recent.toHistory();
    });
  }

  cardOwner(cardId: string): Promise<string | null> {
    return this.ask(() => this.tables.cards.get(cardId) ?? null);
  }

  original(transactionId: string): Promise<OriginalFact> {
    return this.ask(() => this.#original(transactionId));
  }

  /** Asked of commands that are to be deferred, and of nothing else. */
  stored(transactionId: string): Promise<StoredTransaction | null> {
    this.tables.everWaited.add(transactionId);
    return this.ask(() => this.tables.storedOf(transactionId));
  }

  cardTotal(cardId: string): Promise<CardTotal> {
    return this.ask(() => this.tables.cardTotals.get(cardId) ?? { cardId, totalCents: 0n, seq: 0n });
  }

  journalCheck(accountId: string): Promise<JournalCheck | null> {
    return this.ask(() => {
      const state = this.tables.stateOf(accountId);
      return state === null ? null : { state, journalCents: this.tables.journalSum(accountId).cents };
    });
  }

  #original(transactionId: string): OriginalFact {
    const stored = this.tables.storedOf(transactionId);
    if (stored === null) {
      const nothing = { accountId: '', type: 'DEPOSIT', amountCents: 0n, cardId: null } as const;
      return { ...nothing, transactionId, status: 'UNKNOWN', refundedCents: 0n, hasRow: false };
    }
    const { accountId, type, amountCents, cardId, status } = stored;
    const refundedCents = this.tables.journal
      .filter(
        ({ decision: { command, outcome } }) =>
          command.originalId === transactionId && outcome === 'APPROVED',
      )
      .reduce((sum, { decision }) => sum + decision.requestedCents, 0n);
    const hasRow = this.tables.rows.has(transactionId);
    return { transactionId, status, accountId, type, amountCents, cardId, refundedCents, hasRow };
  }
}

/** What was read makes whoever looks at its balance throw. */
function throwing(state: AccountState): HydratedAccount {
  return {
    ...{ accountId: state.accountId, seq: state.seq, status: state.status },
    ...{ overdraftCents: state.overdraftCents, hasParked: false, lastEventMs: -Infinity },
    get balanceCents(): bigint {
      throw new Error('the plan wants this actor to throw');
    },
  };
}
