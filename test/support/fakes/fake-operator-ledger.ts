import type { AccountState } from '../../../src/domain/account.ts';
import type { OperatorResult } from '../../../src/domain/settlement.ts';
import { CommitFailure } from '../../../src/ports/ledger.ts';
import type { AccountOrder, OperatorLedger, OrderVerdict } from '../../../src/ports/operator-ledger.ts';
import type { FakeLedger, Fault } from './fake-ledger.ts';
import { Gate } from './gate.ts';

/** Orders on the accounts of a `FakeLedger`, with the gates of the real one. Each waits at `gate` before it looks at anything. */
export class FakeOperatorLedger implements OperatorLedger {
  readonly gate = new Gate();
  /** What goes wrong with the next orders, one each. */
  readonly faults: Fault[] = [];
  /** Every order that was tried. */
  readonly tried: AccountOrder[] = [];
  /** Accounts whose balance is not their journal's. */
  readonly broken = new Set<string>();
  readonly #ledger: FakeLedger;
  readonly #ended = new Map<string, OperatorResult>();
  #outboxId = 1_000n;

  constructor(ledger: FakeLedger) {
    this.#ledger = ledger;
  }

  async apply(order: AccountOrder): Promise<OrderVerdict> {
    this.tried.push(order);
    await this.gate.pass();
    const fault = this.faults.shift() ?? 'none';
    if (fault === 'busy') throw new CommitFailure('busy', '55P03', 'somebody else holds a lock');
    if (fault === 'refused') throw new CommitFailure('refused', '23505', 'the data is at fault');
    if (fault === 'lost-before') throw new CommitFailure('unknown', null, 'the connection broke');
    const verdict = this.#apply(order);
    if (fault === 'lost-after') throw new CommitFailure('unknown', null, 'the connection broke');
    return verdict;
  }

  #apply({ shard, epoch, state, command, judgement }: AccountOrder): OrderVerdict {
    const { accountId, orderId } = command;
    if (this.#ledger.epochOf(shard) !== epoch) return { kind: 'fenced' };
    const repeated = this.#ended.get(orderId);
    if (repeated !== undefined) return { kind: 'ended', result: repeated, state, outboxId: null };
    const present = this.#ledger.accounts.get(accountId);
    if (present?.seq !== state.seq || present.status !== state.status) return { kind: 'stale' };
    if (present.balanceCents !== state.balanceCents) return { kind: 'stale' };
    if (judgement.kind === 'refused') return refused(judgement.detail, state);
    if (command.action.kind === 'release' && this.broken.has(accountId))
      return refused('it is still broken', state);
    const { balanceCents, overdraftCents } = judgement;
    const status = judgement.status === 'as-before' ? 'active' : judgement.status;
    const after: AccountState = { accountId, seq: state.seq + 1n, balanceCents, overdraftCents, status };
    this.#ledger.accounts.set(accountId, after);
    const result = { kind: 'done', seq: after.seq, balanceCents, overdraftCents, status } as const;
    this.#ended.set(orderId, result);
    this.#outboxId += 1n;
    return { kind: 'ended', result, state: after, outboxId: this.#outboxId };
  }
}

function refused(detail: string, state: AccountState): OrderVerdict {
  return { kind: 'ended', result: { kind: 'refused', detail }, state, outboxId: null };
}
