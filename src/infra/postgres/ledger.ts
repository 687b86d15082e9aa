import { CommitFailure } from '../../ports/ledger.ts';
import type { AccountChange, CommitReceipt, Ledger } from '../../ports/ledger.ts';
import { receiptOf } from './commit-answer.ts';
import type { CommitAnswer } from './commit-answer.ts';
import { COMMIT_DECISIONS, commitCall } from './commit-call.ts';
import type { CommitCallOptions } from './commit-call.ts';
import { LaneConnection } from './connection.ts';
import type { ConnectionOptions } from './connection.ts';
import { sqlStateOf } from '../server-errors.ts';
import { failureKindOf } from './sql-state.ts';

/**
 * The ledger as one commit lane sees it: one connection, one outstanding commit, one round trip each.
 *
 * L1. What a receipt calls committed is on disk; what it leaves out has written nothing.
 * L2. `refused` and `busy` are said only where the server has rolled back. Everything else is `unknown`, and the
 *     connection is given up; the gates of the commit function make it safe to look again and decide again.
 */
export class PostgresLedger implements Ledger {
  readonly #connection: LaneConnection;
  readonly #options: CommitCallOptions;

  constructor(options: ConnectionOptions & CommitCallOptions) {
    this.#connection = new LaneConnection(options);
    this.#options = options;
  }

  get isOpen(): boolean {
    return this.#connection.isOpen;
  }

  async commit(changes: readonly AccountChange[]): Promise<CommitReceipt> {
    try {
      const call = commitCall(changes, this.#options);
      const [answer] = await this.#connection.query<CommitAnswer>(COMMIT_DECISIONS, call);
      if (answer === undefined) throw new Error('the commit function returned no row');
      return receiptOf(changes, answer);
    } catch (error) {
      throw this.#failure(error);
    }
  }

  /** Closes the connection; nothing may be in flight. */
  close(): Promise<void> {
    return this.#connection.close();
  }

  #failure(error: unknown): CommitFailure {
    const sqlState = sqlStateOf(error);
    const kind = failureKindOf(sqlState);
    if (kind === 'unknown') this.#connection.discard();
    const message = error instanceof Error ? error.message : String(error);
    return new CommitFailure(kind, sqlState, message, { cause: error });
  }
}
