import type { AccountState, Facts, OriginalFact } from '../../src/domain/account.ts';
import type { TransactionCommand } from '../../src/contracts/command.ts';
import { decideRun } from '../../src/domain/decide.ts';
import { shardOf } from '../../src/domain/shard.ts';
import type { DriveAccount } from '../../src/drive/drive-account.ts';
import { LIMITS } from '../../src/limits.ts';
import type { AccountChange, RoadDecision } from '../../src/ports/ledger.ts';

/** What a node would commit for a stream of commands, decided beforehand and in memory: for an empty ledger, at epoch 0. */
export class CommitPlanner {
  readonly #cards: ReadonlyMap<string, string>;
  readonly #originals = new Map<string, OriginalFact>();
  readonly #states = new Map<string, AccountState>();

  constructor(accounts: readonly DriveAccount[]) {
    this.#cards = new Map(accounts.flatMap(({ id, cards }) => cards.map((card) => [card.id, id] as const)));
  }

  /** One commit; the next call goes on from there. Throws where a command could not be decided at once. */
  plan(commands: readonly TransactionCommand[]): readonly AccountChange[] {
    const byAccount = new Map<string, TransactionCommand[]>();
    for (const command of commands) {
      const own = byAccount.get(command.accountId);
      if (own === undefined) byAccount.set(command.accountId, [command]);
      else own.push(command);
    }
    return [...byAccount].map(([accountId, own]) => this.#change(accountId, own));
  }

  #change(accountId: string, commands: readonly TransactionCommand[]): AccountChange {
    const before = this.#states.get(accountId) ?? newAccount(accountId);
    const facts: Facts = { cards: this.#cards, originals: this.#originals };
    const requests = commands.map((command) => ({
      command,
      originalWaitOver: false,
      receivedAtMs: Date.now(),
    }));
    const verdicts = decideRun(before, requests, facts, { refundAmount: 'message' });
    const decisions = verdicts.map((verdict): RoadDecision => {
      if (verdict.kind !== 'decided') throw new Error('a command of the bench had to wait');
      return { ...verdict.decision, road: 'delivery', rulesVersion: null, mayDecideError: false };
    });
    for (const decision of decisions) this.#remember(decision);
    const last = decisions.at(-1);
    const balanceCents = last?.balanceAfterCents ?? before.balanceCents;
    this.#states.set(accountId, { ...before, balanceCents, seq: last?.seq ?? before.seq });
    return {
      accountId,
      shard: shardOf(accountId, LIMITS.shardCount),
      epoch: 0n,
      previousSeq: before.seq,
      balanceCents,
      decisions,
    };
  }

  #remember({ command, outcome, requestedCents }: RoadDecision): void {
    const { transactionId, originalId } = command;
    if (originalId === null) {
      const { accountId, type, amountCents, cardId } = command;
      this.#originals.set(transactionId, {
        ...{ transactionId, accountId, type, amountCents, cardId },
        status: outcome,
        refundedCents: 0n,
        hasRow: true,
      });
      return;
    }
    const original = this.#originals.get(originalId);
    if (original === undefined || outcome !== 'APPROVED') return;
    this.#originals.set(originalId, { ...original, refundedCents: original.refundedCents + requestedCents });
  }
}

function newAccount(accountId: string): AccountState {
  return { accountId, balanceCents: 0n, seq: 0n, status: 'active', overdraftCents: 0n };
}
