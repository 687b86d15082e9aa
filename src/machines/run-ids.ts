import type { TransactionCommand } from '../contracts/command.ts';

/** Ids and keys of a run that is being put together: no two commands of it may have one in common. */
export class RunIds {
  readonly #seen = new Set<string>();

  /** false: the run ends before this command. A key that reads like another's id only makes the run shorter. */
  admit({ transactionId, idempotencyKey }: TransactionCommand): boolean {
    if (this.#seen.has(transactionId) || this.#seen.has(idempotencyKey)) return false;
    this.#seen.add(transactionId).add(idempotencyKey);
    return true;
  }
}
