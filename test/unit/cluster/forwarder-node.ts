import { decodeMessage } from '../../../src/contracts/decode.ts';
import type { Clock, Random } from '../../../src/ports/runtime.ts';
import { DirectoryWatch } from '../../../src/supervisor/cluster/directory-watch.ts';
import { endElsewhere } from '../../../src/supervisor/cluster/end-elsewhere.ts';
import { ForwardDesk } from '../../../src/supervisor/cluster/forward-desk.ts';
import { forwardMail } from '../../../src/supervisor/cluster/forward-mail.ts';
import { ForwardedOrigin } from '../../../src/supervisor/cluster/forwarded-origin.ts';
import { Forwarder } from '../../../src/supervisor/cluster/forwarder.ts';
import { OrphanDesk } from '../../../src/supervisor/cluster/orphan-desk.ts';
import { CommandEnvelope } from '../../../src/supervisor/command-envelope.ts';
import type { EnvelopeDesk } from '../../../src/supervisor/command-envelope.ts';
import { InFlight } from '../../../src/supervisor/in-flight.ts';
import { Router } from '../../../src/supervisor/router.ts';
import { ShardTable } from '../../../src/supervisor/shard-table.ts';
import type { FakeInbox, FakePost } from '../../support/fakes/fake-inbox.ts';
import { transactionIdOf } from '../../support/fakes/fake-envelope.ts';
import { CountingMetrics, QuietLogger } from '../../support/fakes/quiet.ts';
import { shardOfAccount } from './forwarder-ledger.ts';
import type { Message, ModelLedger } from './forwarder-ledger.ts';

/** Commands without owner are parked so many times sooner than by `LIMITS`, or a story would take minutes of virtual time. */
const HASTE = 100;

/** What can be put in the place of the real ones, to see the promises break. */
export interface Mutations {
  /** Of the forwarder alone. */
  readonly forwarderClock?: (real: Clock) => Clock;
  /** A forward that was taken, on its way to the router. */
  readonly onTaken?: (origin: ForwardedOrigin, node: TestNode) => void;
  readonly giveBack?: (envelope: CommandEnvelope, node: TestNode) => void;
}

export interface Surroundings {
  readonly clock: Clock;
  readonly random: Random;
  readonly post: FakePost;
  readonly ledger: ModelLedger;
  /** Of the runs an actor commits, how many it gives back instead: 0 to 1. */
  readonly giveBackRate: number;
  readonly mutations: Mutations;
}

interface Mailbox {
  readonly epoch: bigint;
  readonly envelopes: CommandEnvelope[];
  /** What the ledger had parked when it was read last; null: not read yet. They come first. */
  parked: number[] | null;
  /** `idle`: kept with what was read, as a live actor is. */
  phase: 'working' | 'idle';
}

/** A node as it will be wired: real router, forwarder and desk; a fake region that decides and settles later. */
export class TestNode {
  readonly incarnation: string;
  readonly inbox: FakeInbox;
  readonly forwarder: Forwarder;
  readonly desk: ForwardDesk;
  readonly router: Router;
  readonly inFlight = new InFlight();
  readonly logger = new QuietLogger();
  readonly #around: Surroundings;
  readonly #owned = new ShardTable();
  readonly #handingOff = new Set<number>();
  readonly orphans: OrphanDesk;
  /** Shards that the router holds. */
  readonly #shut = new Set<number>();
  /** The same, while their commands are being parked. */
  readonly #parking = new Set<number>();
  /** Which of its consumers brought a message: the broker hears nothing from those before. */
  #channel = 0;
  readonly #mailboxes = new Map<string, Mailbox>();
  readonly #settling = new Map<number, number>();
  #n = 0;
  #isAlive = true;

  constructor(incarnation: string, around: Surroundings) {
    const { clock, post, ledger, mutations } = around;
    const { inFlight, logger } = this;
    this.incarnation = incarnation;
    this.#around = around;
    this.router = new Router({
      isOpen: (shard) => !this.#shut.has(shard) && !this.#parking.has(shard),
      clock,
      deliver: (envelope) => this.#goOn(envelope),
      heldMax: 10_000,
    });
    this.inbox = post.open(`inbox.${incarnation}`, {
      onMessage: forwardMail({
        onForwards: (batch, receivedAtMs) => this.desk.receive(batch, receivedAtMs),
        onAnswers: (batch) => this.forwarder.answered(batch),
        onNudge: () => undefined,
        onOrder: () => undefined,
        logger,
      }),
      onReturned: (...args) => {
        this.forwarder.onReturned(args[0]);
        this.desk.onReturned(...args);
      },
      onFlow: (flow) => {
        this.forwarder.onFlow(flow);
        this.desk.onFlow(flow);
      },
    });
    const giveBack = (envelope: CommandEnvelope): void => this.router.giveBack(envelope);
    const common = { incarnation, inbox: this.inbox, clock, logger };
    const watch = new DirectoryWatch({ directory: ledger, clock, logger });
    const ended = endElsewhere({ clock, metrics: new CountingMetrics(), inFlight });
    this.forwarder = new Forwarder({
      ...common,
      clock: mutations.forwarderClock?.(clock) ?? clock,
      watch,
      ended,
      giveBack: (envelope) => (mutations.giveBack ?? giveBack)(envelope, this),
      heldMax: 10_000,
    });
    this.orphans = new OrphanDesk({
      forwarder: {
        unowned: (forMs) => this.forwarder.unowned(forMs / HASTE),
        release: (shard) => this.forwarder.release(shard),
      },
      doors: {
        hold: (shard) => void this.#parking.add(shard),
        letGo: (shard) => {
          this.#parking.delete(shard);
          this.router.release();
        },
      },
      watch,
      store: ledger,
      router: this.router,
      settle: { refuse: refused },
      clock: {
        now: () => clock.now(),
        soon: (callback) => clock.soon(callback),
        after: (delayMs, callback) => clock.after(delayMs / HASTE, callback),
      },
      logger,
      isConnected: () => this.#isAlive,
      ended,
    });
    this.desk = new ForwardDesk({
      ...common,
      inFlight,
      settle: { settled: () => undefined, refuse: refused, unhandled: refused },
      epochOf: (shard) => (this.#handingOff.has(shard) ? null : this.#owned.epochOf(shard)),
      route: (envelope) => {
        if (envelope.origin instanceof ForwardedOrigin) mutations.onTaken?.(envelope.origin, this);
        this.router.route(envelope);
      },
      giveBack,
      nextN: () => (this.#n += 1),
      takenMax: 5_000,
    });
  }

  get isAlive(): boolean {
    return this.#isAlive;
  }

  get idle(): string {
    const counts = [
      this.inFlight.count,
      this.forwarder.heldCount,
      this.desk.takenCount,
      this.router.heldCount,
    ];
    return counts.join();
  }

  get owner(): { nodeId: string; incarnation: string; inbox: string } {
    return { nodeId: this.incarnation, incarnation: this.incarnation, inbox: this.inbox.name };
  }

  ownedEpoch(shard: number): bigint | null {
    return this.#owned.epochOf(shard);
  }

  /** A message of the queue that this node reads. */
  deliver({ id, accountId }: Message): void {
    const { clock, ledger } = this.#around;
    const body = bodyOf(id, accountId);
    const decoded = decodeMessage('transactions_queue', body);
    if (!decoded.ok) throw new Error('the message of the test cannot be read');
    this.inFlight.enter();
    const channel = this.#channel;
    const ack = (): void => {
      if (this.#isAlive && channel === this.#channel) ledger.acknowledge(id);
    };
    const desk: EnvelopeDesk = {
      settled: () => undefined,
      givenBack: (envelope) => this.router.giveBack(envelope),
    };
    const fields = {
      command: decoded.command,
      origin: { queue: 'transactions_queue', body, redelivered: false, ack },
      road: 'delivery',
      shard: shardOfAccount(accountId),
      n: (this.#n += 1),
      attempt: 0,
      deferredFor: null,
      mayDecideError: false,
      receivedAtMs: clock.now(),
      firstSeenAtMs: clock.now(),
    } as const;
    this.router.route(new CommandEnvelope(fields, desk));
  }

  /** It has the shard by PostgreSQL, and learns of it now. */
  own(shard: number, epoch: bigint): void {
    if (!this.#isAlive || this.#around.ledger.rowOf(shard).epoch !== epoch) return;
    this.#owned.own(new Map([[shard, epoch]]));
    this.#handingOff.delete(shard);
    this.forwarder.takeBack(shard);
    this.#openGate(shard);
  }

  handOff(shard: number): void {
    if (this.#owned.epochOf(shard) === null || this.#handingOff.has(shard)) return;
    this.#handingOff.add(shard);
    this.#shut.add(shard);
    this.desk.close(shard);
    this.#maybeFinished(shard);
  }

  /** The broker has given its messages to somebody else, and it does not know: it goes on with what it has. */
  loseChannel(): void {
    this.#channel += 1;
  }

  /** As if a command had come, for those accounts of its own that the ledger has parked commands of. */
  takeUpParked(): void {
    for (const accountId of this.#around.ledger.accountsParked) {
      const shard = shardOfAccount(accountId);
      const epoch = this.#owned.epochOf(shard);
      if (epoch === null || this.#handingOff.has(shard)) continue;
      const present = this.#mailboxes.get(accountId);
      if (present === undefined) this.#openMailbox(accountId, epoch);
      else if (present.parked?.length === 0) {
        present.parked = null;
        this.#wake(accountId, present);
      }
    }
  }

  kill(): void {
    this.#isAlive = false;
    this.orphans.stop();
    this.forwarder.stop();
    void this.inbox.close();
  }

  /** What the router lets go. */
  #goOn(envelope: CommandEnvelope): void {
    if (!this.#isAlive || !this.desk.admit(envelope)) return;
    const { shard, command } = envelope;
    const epoch = this.#owned.epochOf(shard);
    if (epoch === null) {
      this.forwarder.take(envelope);
      return;
    }
    const present = this.#mailboxes.get(command.accountId);
    if (present !== undefined) {
      present.envelopes.push(envelope);
      this.#wake(command.accountId, present);
      return;
    }
    this.#openMailbox(command.accountId, epoch).envelopes.push(envelope);
  }

  #wake(accountId: string, mailbox: Mailbox): void {
    if (mailbox.phase === 'working') return;
    mailbox.phase = 'working';
    this.#later(() => this.#work(accountId));
  }

  #openMailbox(accountId: string, epoch: bigint): Mailbox {
    const mailbox: Mailbox = { epoch, envelopes: [], parked: null, phase: 'working' };
    this.#mailboxes.set(accountId, mailbox);
    this.#later(() => this.#work(accountId));
    return mailbox;
  }

  /** Commits a run of an account's commands, or gives everything of the account back. */
  #work(accountId: string): void {
    const mailbox = this.#mailboxes.get(accountId);
    if (mailbox === undefined) return;
    const { envelopes, epoch } = mailbox;
    const { ledger, random, giveBackRate } = this.#around;
    if (mailbox.parked === null) {
      mailbox.parked = [...ledger.parkedOf(accountId)];
      this.#later(() => this.#work(accountId));
      return;
    }
    if (mailbox.parked.length > 0) return this.#workOnParked(accountId, mailbox, mailbox.parked);
    if (envelopes.length === 0) {
      mailbox.phase = 'idle';
      this.#maybeFinished(shardOfAccount(accountId));
      return;
    }
    const run = envelopes.slice(0, 1 + Math.floor(random.next() * 5));
    const isFenced = run.some((envelope) => !ledger.decide(idOf(envelope), epoch));
    if (isFenced) return this.#fenced(accountId, mailbox);
    const goesBack = random.next() < giveBackRate;
    if (goesBack) return this.#giveBack(accountId, mailbox);
    envelopes.splice(0, run.length);
    for (const envelope of run) this.#settle(envelope);
    this.#later(() => this.#work(accountId));
  }

  #workOnParked(accountId: string, mailbox: Mailbox, parked: number[]): void {
    const { ledger, random } = this.#around;
    for (const id of parked.splice(0, 1 + Math.floor(random.next() * 3))) {
      if (!ledger.decide(id, mailbox.epoch)) return this.#fenced(accountId, mailbox);
      ledger.unpark(id);
    }
    // There may be more: it is read again before anything newer.
    if (parked.length === 0) mailbox.parked = null;
    this.#later(() => this.#work(accountId));
  }

  #fenced(accountId: string, mailbox: Mailbox): void {
    const shard = shardOfAccount(accountId);
    if (this.#owned.epochOf(shard) === mailbox.epoch) {
      this.#owned.lose(shard);
      this.#handingOff.delete(shard);
      this.#shut.add(shard);
      this.desk.close(shard);
    }
    this.#giveBack(accountId, mailbox);
  }

  #giveBack(accountId: string, { envelopes }: Mailbox): void {
    this.#mailboxes.delete(accountId);
    for (const envelope of envelopes) envelope.giveBack('stopped');
    this.#maybeFinished(shardOfAccount(accountId));
  }

  #settle(envelope: CommandEnvelope): void {
    const { shard } = envelope;
    this.#settling.set(shard, (this.#settling.get(shard) ?? 0) + 1);
    envelope.settle({ kind: 'answered' });
    this.#later(() => {
      envelope.origin.ack();
      this.inFlight.leave();
      this.#settling.set(shard, (this.#settling.get(shard) ?? 0) - 1);
      this.#maybeFinished(shard);
    });
  }

  /** Nothing of a shard that goes away is in our actors' hands any more. */
  #maybeFinished(shard: number): void {
    if (!this.#shut.has(shard) || (this.#settling.get(shard) ?? 0) > 0) return;
    const ofShard = [...this.#mailboxes].filter(([accountId]) => shardOfAccount(accountId) === shard);
    if (ofShard.some(([, { phase }]) => phase === 'working')) return;
    for (const [accountId] of ofShard) this.#mailboxes.delete(accountId);
    const epoch = this.#owned.epochOf(shard);
    if (epoch !== null && this.#handingOff.delete(shard)) {
      this.#owned.lose(shard);
      this.#around.ledger.release(shard, epoch);
    }
    this.#openGate(shard);
  }

  #openGate(shard: number): void {
    this.#shut.delete(shard);
    this.router.release();
  }

  /** If it is still alive then. */
  later(delayMs: number, then: () => void): void {
    this.#around.clock.after(delayMs, () => {
      if (this.#isAlive) then();
    });
  }

  #later(then: () => void): void {
    this.later(1 + Math.floor(this.#around.random.next() * 8), then);
  }
}

function refused(): void {
  throw new Error('a good message was refused');
}

function bodyOf(id: number, accountId: string): Buffer {
  return Buffer.from(
    JSON.stringify({
      transaction_id: transactionIdOf(id),
      account_id: accountId,
      card_id: null,
      amount_cents: 100,
      transaction_type: 'DEPOSIT',
      idempotency_key: `key-${id}`,
      timestamp: '2026-11-22T10:40:00Z',
      metadata: null,
    }),
  );
}

function idOf({ command }: CommandEnvelope): number {
  if (command.kind !== 'transaction') throw new Error('not one of ours');
  return Number(command.transactionId.slice(-12));
}
