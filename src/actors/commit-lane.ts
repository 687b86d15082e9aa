import { ensureError } from '../domain/errors.ts';
import { gatherRestMs, NO_PORTION } from '../domain/gather-rest.ts';
import { LIMITS } from '../limits.ts';
import { CommitFailure } from '../ports/ledger.ts';
import type { AccountChange, AccountVerdict, CommitReceipt, Ledger } from '../ports/ledger.ts';
import type { Clock, Logger, Metrics, Random } from '../ports/runtime.ts';
import { traceId } from '../ports/tracing.ts';
import type { CommandTrace, CommitTrace, Tracing } from '../ports/tracing.ts';
import { balanceOf, toldOf } from './committed-batch.ts';
import type { CommittedBatch } from './committed-batch.ts';

const GATHERING = { growthMs: LIMITS.commitGatherGrowthMs, mostMs: LIMITS.commitGatherMsMax };

/** What became of a proposed change. */
export type ProposalResult = AccountVerdict | { readonly kind: 'failed'; readonly failure: CommitFailure };

export interface LaneOptions {
  readonly ledger: Ledger;
  readonly clock: Clock;
  readonly random: Random;
  readonly metrics: Metrics;
  readonly logger: Logger;
  readonly tracing?: Tracing | null;
  /** Called after a commit and before any of its commands is settled. */
  readonly onCommitted: (batch: CommittedBatch) => void;
}

interface Proposal {
  readonly change: AccountChange;
  readonly done: (result: ProposalResult) => void;
  /** Times it was tried alone and was in somebody's way. */
  busyTries: number;
}

/**
 * Group commit on one connection: changes of many accounts become one commit.
 *
 * Owns the proposals from `submit` until `done`. Does not look into them.
 *
 * L1. One commit is under way at a time; whatever is submitted meanwhile gathers for the next. An idle lane commits what the
 *     present turn brings. The larger a commit was, the longer the next one gathers (`commitGatherGrowthMs`), since each commit has a price.
 * L2. Each proposal gets one `done`, after its commit, never inside `submit`.
 * L3. A batch holds at most `commitCommandsMax` commands and at most one change per account.
 * L4. A batch that did not go through as a whole, with nothing written, is tried in halves, down to one account: one
 *     bad account costs the others time, never their commit. One that is in somebody's way waits outside the lane
 *     and comes back alone.
 * L5. After a commit of unknown outcome nothing is tried again here: that is for the account, after it has read.
 */
export class CommitLane {
  readonly #options: LaneOptions;
  /** Submitted, not in a commit yet. */
  #waiting: Proposal[] = [];
  /** Halves of a batch that was refused, in order. */
  readonly #halves: Proposal[][] = [];
  /** To be tried alone. */
  readonly #alone: Proposal[] = [];
  #phase: 'idle' | 'scheduled' | 'resting' | 'committing' = 'idle';
  #cancelRest: () => void = () => undefined;
  #waitingCommands = 0;
  /** The last commit: its size, and when it began. */
  #last = NO_PORTION;

  constructor(options: LaneOptions) {
    this.#options = options;
  }

  submit(change: AccountChange, done: (result: ProposalResult) => void): void {
    if (this.#options.tracing != null) for (const trace of tracesOf(change)) trace.enter('commit');
    this.#waiting.push({ change, done, busyTries: 0 });
    this.#waitingCommands += change.decisions.length;
    this.#wake();
  }

  #wake(): void {
    if (this.#phase === 'resting' && this.#restMs() <= 0) this.#cancelRest();
    else if (this.#phase !== 'idle') return;
    this.#phase = 'scheduled';
    this.#options.clock.soon(() => this.#commitNext());
  }

  #commitNext(): void {
    const restMs = this.#restMs();
    if (restMs <= 0) {
      this.#commitNow();
      return;
    }
    this.#phase = 'resting';
    this.#cancelRest = this.#options.clock.after(restMs, () => this.#commitNow());
  }

  #restMs(): number {
    const isUrgent = this.#halves.length > 0 || this.#alone.length > 0;
    const isEnough = this.#waitingCommands >= LIMITS.commitEnoughCount;
    if (isUrgent || isEnough || this.#waiting.length === 0) return 0;
    return gatherRestMs(this.#last, GATHERING, this.#options.clock.now());
  }

  #commitNow(): void {
    const batch = this.#halves.shift() ?? this.#nextAlone() ?? this.#gather();
    if (batch.length > 0) {
      this.#phase = 'committing';
      void this.#commit(batch);
      return;
    }
    this.#phase = 'idle';
  }

  #nextAlone(): Proposal[] | undefined {
    const proposal = this.#alone.shift();
    return proposal === undefined ? undefined : [proposal];
  }

  #gather(): Proposal[] {
    const batch: Proposal[] = [];
    const later: Proposal[] = [];
    const accounts = new Set<string>();
    let commands = 0;
    for (const [index, proposal] of this.#waiting.entries()) {
      const { accountId, decisions } = proposal.change;
      if (commands > 0 && commands + decisions.length > LIMITS.commitCommandsMax) {
        later.push(...this.#waiting.slice(index));
        break;
      }
      if (accounts.has(accountId)) {
        later.push(proposal);
        continue;
      }
      accounts.add(accountId);
      commands += decisions.length;
      batch.push(proposal);
    }
    this.#waiting = later;
    this.#waitingCommands -= commands;
    return batch;
  }

  async #commit(batch: readonly Proposal[]): Promise<void> {
    const { ledger, clock, metrics } = this.#options;
    const startedMs = clock.now();
    this.#last = { count: commandCount(batch), atMs: startedMs };
    const trace = this.#traceOf(batch);
    let receipt: CommitReceipt;
    try {
      receipt = await ledger.commit(batch.map(({ change }) => change));
      if (receipt.verdicts.length !== batch.length)
        throw new Error('a commit did not answer for every account');
    } catch (error) {
      const failure = asFailure(error);
      trace?.end('failed', failure.message);
      this.#failed(batch, failure, trace);
      return;
    }
    trace?.end('committed');
    metrics.commit(this.#last.count, (clock.now() - startedMs) / 1000);
    this.#announce(batch, receipt);
    // PostgreSQL works on what has gathered while we settle.
    this.#commitNext();
    for (const [index, proposal] of batch.entries())
      this.#answer(proposal, receipt.verdicts[index] ?? UNANSWERED);
  }

  /** null: tracing is off, or none of the commands is recorded. */
  #traceOf(batch: readonly Proposal[]): CommitTrace | null {
    const { tracing } = this.#options;
    if (tracing == null) return null;
    const commands = batch.flatMap(({ change }) => tracesOf(change));
    return tracing.commit(commands, { commands: commandCount(batch), accounts: batch.length });
  }

  #announce(batch: readonly Proposal[], receipt: CommitReceipt): void {
    const { metrics, onCommitted, logger } = this.#options;
    const fenced = new Set<number>();
    const committed: AccountChange[] = [];
    for (const [index, { change }] of batch.entries()) {
      const kind = receipt.verdicts[index]?.kind;
      if (kind === 'fenced') fenced.add(change.shard);
      if (kind === 'committed') committed.push(change);
    }
    if (fenced.size > 0) metrics.fenced(fenced.size);
    const { outboxId, decidedAt, cardTotals } = receipt;
    if (outboxId === null) return;
    const balances = committed.map(balanceOf);
    for (const { cardId, totalCents, seq } of cardTotals) {
      balances.push({ kind: 'card', id: cardId, cents: totalCents, version: seq });
    }
    try {
      const told = decidedAt === null ? null : committed.map((change) => toldOf(change, decidedAt));
      onCommitted({ outboxId, balances, told });
    } catch (error) {
      // The outbox row still says what is to be done.
      logger.error({ err: error, outbox_id: receipt.outboxId }, 'a commit was not taken note of');
    }
  }

  #failed(batch: readonly Proposal[], failure: CommitFailure, trace: CommitTrace | null): void {
    const { metrics, logger } = this.#options;
    metrics.commitFailed(failure.kind);
    logger.warn(
      {
        err: failure,
        sql_state: failure.sqlState,
        accounts: batch.length,
        commands: commandCount(batch),
        ...traceId(trace),
      },
      `commit ${failure.kind}`,
    );
    const [only] = batch;
    if (failure.kind !== 'unknown' && batch.length > 1) {
      const middle = batch.length >> 1;
      this.#halves.unshift(batch.slice(0, middle), batch.slice(middle));
      this.#commitNext();
    } else if (
      failure.kind === 'busy' &&
      only !== undefined &&
      only.busyTries < LIMITS.commitBusyRetriesMax
    ) {
      this.#comeBackAlone(only);
      this.#commitNext();
    } else {
      this.#commitNext();
      for (const proposal of batch) this.#answer(proposal, { kind: 'failed', failure });
    }
  }

  #comeBackAlone(proposal: Proposal): void {
    const { clock, random } = this.#options;
    proposal.busyTries += 1;
    clock.after(LIMITS.commitBusyPauseMs * (0.5 + random.next()), () => {
      this.#alone.push(proposal);
      this.#wake();
    });
  }

  #answer({ change, done }: Proposal, result: ProposalResult): void {
    try {
      done(result);
    } catch (error) {
      const { logger } = this.#options;
      logger.error(
        { err: error, account_id: change.accountId, result: result.kind },
        'an answer was not taken',
      );
    }
  }
}

const UNANSWERED: ProposalResult = {
  kind: 'failed',
  failure: new CommitFailure('unknown', null, 'the commit did not answer for this account'),
};

function tracesOf({ decisions }: AccountChange): readonly CommandTrace[] {
  return decisions.flatMap(({ trace }) => trace ?? []);
}

function commandCount(batch: readonly Proposal[]): number {
  return batch.reduce((sum, { change }) => sum + change.decisions.length, 0);
}

/** Anything that is no `CommitFailure` may have left the commit done: unknown. */
export function asFailure(thrown: unknown): CommitFailure {
  if (thrown instanceof CommitFailure) return thrown;
  const error = ensureError(thrown);
  return new CommitFailure('unknown', null, error.message, { cause: error });
}
