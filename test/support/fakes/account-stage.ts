import { startAccountsRoot } from '../../../src/actors/accounts-root.ts';
import { AccountActor } from '../../../src/actors/account-actor.ts';
import type { AccountParent, StopReason } from '../../../src/actors/account-actor.ts';
import { CommitLane } from '../../../src/actors/commit-lane.ts';
import type { ProposalResult } from '../../../src/actors/commit-lane.ts';
import type { CommittedBatch } from '../../../src/actors/committed-batch.ts';
import { OrderLane } from '../../../src/actors/order-lane.ts';
import type { OrderResult } from '../../../src/actors/order-lane.ts';
import type { Envelope } from '../../../src/machines/envelope.ts';
import type { AccountState } from '../../../src/domain/account.ts';
import type { RuleSet } from '../../../src/domain/rules/rule-set.ts';
import type { AccountRules } from '../../../src/machines/account-effects.ts';
import type { BalanceEnvelope } from '../../../src/machines/mailbox.ts';
import type { AccountChange } from '../../../src/ports/ledger.ts';
import type { AccountOrder } from '../../../src/ports/operator-ledger.ts';
import { FakeClock, SeededRandom } from './fake-clock.ts';
import { accountIdOf } from './fake-envelope.ts';
import { FakeLedger } from './fake-ledger.ts';
import { FakeOperatorLedger } from './fake-operator-ledger.ts';
import { FakeParked } from './fake-parked.ts';
import type { FakeLedgerOptions } from './fake-ledger.ts';
import { FakeReader } from './fake-reader.ts';
import { CountingMetrics, QuietLogger } from './quiet.ts';

export interface Ending {
  readonly actor: AccountActor;
  readonly reason: StopReason;
  readonly unanswered: readonly Envelope[];
  readonly cause: unknown;
}

/** Lets every promise that is ready run; nothing here takes real time. */
export async function settlePromises(): Promise<void> {
  await new Promise<void>((resolve) => setImmediate(resolve));
}

/** Account actors over a real lane and a fake ledger, with the parent's part played by the test. */
export class AccountStage implements AccountParent {
  readonly clock = new FakeClock();
  readonly random = new SeededRandom(7);
  readonly root = startAccountsRoot();
  readonly logger = new QuietLogger();
  readonly metrics = new CountingMetrics();
  readonly ledger: FakeLedger;
  readonly reader: FakeReader;
  readonly lane: CommitLane;
  readonly operatorLedger: FakeOperatorLedger;
  readonly orders: OrderLane;
  readonly parked = new FakeParked();
  readonly rules: AccountRules = { refundAmount: 'message', refundWaitMs: 60_000 };
  ruleSet: RuleSet | null = null;
  readonly endings: Ending[] = [];
  readonly committed: CommittedBatch[] = [];
  readonly answeredBalances: { readonly accountId: string; readonly cents: bigint }[] = [];

  constructor(options: FakeLedgerOptions = {}) {
    this.ledger = new FakeLedger({ ...options, clock: this.clock });
    this.reader = new FakeReader(this.ledger);
    this.reader.hasParked = () => this.parked.rows.length > 0;
    const { ledger, clock, random, metrics, logger } = this;
    const onCommitted = (batch: CommittedBatch): void => void this.committed.push(batch);
    this.lane = new CommitLane({ ledger, clock, random, metrics, logger, onCommitted });
    this.operatorLedger = new FakeOperatorLedger(ledger);
    this.orders = new OrderLane({ ledger: this.operatorLedger, metrics, logger, onCommitted });
  }

  /** Starts the actor of an account of shard `n`; the account is not made by it. */
  start(n = 1, epoch = 1n): AccountActor {
    const { reader, parked, clock, random, logger, rules } = this;
    const ruleSet = (): RuleSet | null => this.ruleSet;
    const place = { accountId: accountIdOf(n), shard: n, epoch };
    const surroundings = { root: this.root, reader, parked, clock, random, logger, rules, ruleSet };
    return new AccountActor(place, { ...surroundings, parent: this });
  }

  /** Goes on until nothing moves any more. */
  async run(): Promise<void> {
    await settlePromises();
    while (this.clock.soonCount > 0) {
      this.clock.runSoon();
      await settlePromises();
    }
  }

  /** As `run`, and passes the time of every pause. */
  async runThroughPauses(): Promise<void> {
    await this.run();
    while (this.clock.timerCount > 0) {
      this.clock.advance(10_000);
      await this.run();
    }
  }

  commit(_actor: AccountActor, change: AccountChange, done: (result: ProposalResult) => void): void {
    this.lane.submit(change, done);
  }

  order(_actor: AccountActor, order: AccountOrder, done: (result: OrderResult) => void): void {
    this.orders.submit(order, done);
  }

  answerBalance(request: BalanceEnvelope, state: AccountState): void {
    this.answeredBalances.push({ accountId: state.accountId, cents: state.balanceCents });
    request.settle({ kind: 'answered' });
  }

  stopped(actor: AccountActor, reason: StopReason, unanswered: readonly Envelope[], cause?: unknown): void {
    this.endings.push({ actor, reason, unanswered, cause });
  }
}
