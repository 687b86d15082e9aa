import type { TransactionCommand } from '../../src/contracts/command.ts';
import type { StoredTransaction } from '../../src/domain/identity.ts';
import type { ClusterDirectory, ShardOwner } from '../../src/ports/cluster.ts';
import type { AccountReader, Ledger } from '../../src/ports/ledger.ts';
import type { OperatorLedger } from '../../src/ports/operator-ledger.ts';
import type {
  DeadLetterStore,
  OutboxStore,
  ParkStore,
  QuarantineStore,
  RetryStore,
} from '../../src/ports/stores.ts';
import type { SweepStore } from '../../src/ports/sweep.ts';
import { newCommand } from '../support/ledger-fixtures.ts';

/** A row of `transactions` as the suites look at it. */
export type RowSeen = Pick<
  StoredTransaction,
  'accountId' | 'type' | 'amountCents' | 'cardId' | 'idempotencyKey' | 'status'
> & { readonly originalId: string | null };

export type RowStatus = 'PENDING' | 'APPROVED' | 'REJECTED' | 'ERROR';

/**
 * A database with our schema and the ports of one node on it (incarnation `INCARNATION` of the fixtures), with what a suite needs
 * beside them: what the Go API does, and a look at what was written. One that the cluster's nodes use, and one that is simulated.
 */
export interface LedgerServer {
  readonly ledger: Ledger;
  readonly operatorLedger: OperatorLedger;
  readonly reader: AccountReader;
  readonly letters: DeadLetterStore;
  readonly retries: RetryStore;
  readonly parked: ParkStore;
  readonly quarantines: QuarantineStore;
  directoryOf(claimant: ShardOwner): ClusterDirectory;
  outboxOf(incarnation: string): OutboxStore;
  sweepsOf(incarnation: string): SweepStore;
  newAccount(): Promise<string>;
  newCard(accountId: string): Promise<string>;
  /** Committed `ageMs` ago. */
  insertRow(command: TransactionCommand, status?: RowStatus, ageMs?: number): Promise<void>;
  deleteRow(transactionId: string): Promise<void>;
  rowOf(transactionId: string): Promise<RowSeen | null>;
  /** As the ledger has the account; null: it does not know it. */
  standingOf(accountId: string): Promise<{ readonly balanceCents: bigint; readonly seq: bigint } | null>;
  /** By hand, past the journal. */
  setBalance(accountId: string, balanceCents: bigint): Promise<void>;
  /** Ids of what was decided, by seq. */
  journalOf(accountId: string): Promise<readonly string[]>;
  /** Code and state of each letter, in the order in which they were written. */
  lettersSeen(): Promise<readonly string[]>;
  closeLetters(): Promise<void>;
  /** Ids of the rows that are left. */
  outboxSeen(): Promise<readonly bigint[]>;
}

/** A live command with its row. */
export async function pendingOn(
  server: LedgerServer,
  fields: Parameters<typeof newCommand>[0],
): Promise<TransactionCommand> {
  const command = newCommand(fields);
  await server.insertRow(command);
  return command;
}
