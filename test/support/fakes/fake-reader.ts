import type { OriginalFact } from '../../../src/domain/account.ts';
import type { StoredTransaction } from '../../../src/domain/identity.ts';
import { noHistory, RecentDecisions } from '../../../src/domain/rules/history.ts';
import type { PastDecisions } from '../../../src/domain/rules/history.ts';
import type {
  AccountReader,
  CardTotal,
  HistoryRequest,
  HydratedAccount,
  JournalCheck,
} from '../../../src/ports/ledger.ts';
import type { FakeLedger } from './fake-ledger.ts';
import { Gate } from './gate.ts';

/** Reads a `FakeLedger`. Each read looks when it is made and answers when `gate` lets it. */
export class FakeReader implements AccountReader {
  readonly gate = new Gate();
  /** What was read, such as `account <id>`. */
  readonly reads: string[] = [];
  hasParked: (accountId: string) => boolean = () => false;
  readonly #ledger: FakeLedger;

  constructor(ledger: FakeLedger) {
    this.#ledger = ledger;
  }

  async account(accountId: string): Promise<HydratedAccount | null> {
    const state = this.#ledger.accounts.get(accountId);
    const lastEventMs = this.#ledger.journal.get(accountId)?.at(-1)?.eventTime.atMs ?? -Infinity;
    const found =
      state === undefined ? null : { ...state, hasParked: this.hasParked(accountId), lastEventMs };
    return this.#answer(`account ${accountId}`, found);
  }

  async history({ accountId, seq, needs }: HistoryRequest): Promise<PastDecisions> {
    const recent = new RecentDecisions(noHistory(-Infinity), needs);
    for (const decision of this.#ledger.journal.get(accountId) ?? [])
      if (decision.seq <= seq) recent.add(decision);
    return this.#answer(`history ${accountId}`, recent.toHistory());
  }

  async cardOwner(cardId: string): Promise<string | null> {
    return this.#answer(`card ${cardId}`, this.#ledger.cards.get(cardId) ?? null);
  }

  async original(transactionId: string): Promise<OriginalFact> {
    return this.#answer(`original ${transactionId}`, this.#originalFact(transactionId));
  }

  async stored(transactionId: string): Promise<StoredTransaction | null> {
    return this.#answer(`stored ${transactionId}`, this.#ledger.rows.get(transactionId) ?? null);
  }

  async cardTotal(cardId: string): Promise<CardTotal> {
    const none = { cardId, totalCents: 0n, seq: 0n };
    return this.#answer(`card total ${cardId}`, this.#ledger.cardTotals.get(cardId) ?? none);
  }

  async journalCheck(accountId: string): Promise<JournalCheck | null> {
    const state = this.#ledger.accounts.get(accountId);
    const rows = this.#ledger.journal.get(accountId) ?? [];
    const journalCents = rows.reduce((sum, { amountCents }) => sum + amountCents, 0n);
    return this.#answer(`journal check ${accountId}`, state === undefined ? null : { state, journalCents });
  }

  async #answer<T>(what: string, value: T): Promise<T> {
    this.reads.push(what);
    await this.gate.pass();
    return value;
  }

  #originalFact(transactionId: string): OriginalFact {
    const row = this.#ledger.rows.get(transactionId);
    if (row === undefined) {
      const nothing = { accountId: '', type: 'DEPOSIT', amountCents: 0n, cardId: null } as const;
      return { ...nothing, transactionId, status: 'UNKNOWN', refundedCents: 0n, hasRow: false };
    }
    const { accountId, type, amountCents, cardId, status } = row;
    const refundedCents = [...this.#ledger.decided.values()]
      .filter(({ command, outcome }) => command.originalId === transactionId && outcome === 'APPROVED')
      .reduce((sum, { requestedCents }) => sum + requestedCents, 0n);
    return { transactionId, status, accountId, type, amountCents, cardId, refundedCents, hasRow: true };
  }
}
