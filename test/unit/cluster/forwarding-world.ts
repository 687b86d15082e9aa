import { decodeBatch, encodeAnswers, encodeForwards } from '../../../src/supervisor/cluster/forward-codec.ts';
import type { Answer, Forward, Position } from '../../../src/supervisor/cluster/forward.ts';
import { IncomingStream } from '../../../src/supervisor/cluster/incoming-stream.ts';
import { ShardStream } from '../../../src/supervisor/cluster/shard-stream.ts';

export interface Arrival {
  /** Place in the order of arrival. */
  readonly id: number;
  readonly account: number;
}

export type Sender = Pick<
  ShardStream<Arrival>,
  'add' | 'aim' | 'target' | 'takeDue' | 'settle' | 'goBack' | 'refuse' | 'lose' | 'takeAll'
>;
export type Receiver = Pick<IncomingStream, 'offer' | 'settle' | 'close' | 'drop'>;

/** What can be put in the place of the real ones, to see the property fail. */
export interface Parts {
  readonly sender?: (real: Sender) => Sender;
  readonly receiver?: (real: Receiver) => Receiver;
}

export type Step =
  | { readonly do: 'arrive'; readonly account: number }
  | { readonly do: 'pump'; readonly max: number }
  | {
      readonly do: 'carry';
      readonly index: number;
      readonly fate: 'deliver' | 'lose' | 'double';
    }
  | { readonly do: 'work'; readonly node: number; readonly account: number; readonly count: number }
  | {
      readonly do: 'take-over' | 'learn' | 'hand-off' | 'release' | 'give-back' | 'crash';
      readonly node: number;
    }
  | { readonly do: 'sender-crash' | 'look' }
  | { readonly do: 'wait'; readonly ms: number };

interface Taken extends Arrival, Pick<Position, 'stream' | 'n'> {
  readonly from: string;
}

interface Owner {
  inbox: string;
  /** Under which it commits, and under which it takes: a hand-off ends the second first. */
  commitEpoch: bigint | null;
  takeEpoch: bigint | null;
  streams: Map<string, Receiver>;
  mailboxes: Map<number, Taken[]>;
}

interface Parcel {
  readonly to: string;
  readonly bytes: Buffer;
}

const SHARD = 7;
export const ACCOUNTS = 2;

/** One shard, one sender, two owners, a directory with a fence, and a network that loses, doubles and reorders whole batches. */
export class ForwardingWorld {
  readonly #parts: Parts;
  readonly #owners: Owner[] = [newOwner('a0'), newOwner('b0')];
  readonly #arrivals: Arrival[] = [];
  readonly #decided = new Set<number>();
  readonly #acknowledged = new Set<number>();
  #directory: { epoch: bigint; inbox: string | null } = { epoch: 0n, inbox: null };
  #network: Parcel[] = [];
  #sender: Sender;
  #senderInbox = 's0';
  #nowMs = 1_000;
  #births = 0;

  constructor(parts: Parts = {}) {
    this.#parts = parts;
    this.#sender = this.#newSender();
  }

  run(steps: readonly Step[]): void {
    for (const step of steps) this.#step(step);
  }

  /** From now on nothing is lost, and somebody owns the shard and knows it. Throws when something stays unsettled. */
  heal(): void {
    const node = Math.max(
      0,
      this.#owners.findIndex((owner) => this.#serves(owner)),
    );
    if (!this.#serves(this.#owner(node))) this.#takeOver(node);
    this.#learn(node);
    for (let round = 0; round < 60; round += 1) {
      if (this.#acknowledged.size === this.#arrivals.length) break;
      this.#nowMs += 200;
      this.#look();
      this.#pump(100);
      while (this.#network.length > 0) this.#carry(0, 'deliver');
      for (let account = 0; account < ACCOUNTS; account += 1) this.#work(node, account, 100);
      while (this.#network.length > 0) this.#carry(0, 'deliver');
    }
    const left = this.#arrivals.filter(({ id }) => !this.#acknowledged.has(id));
    if (left.length > 0) throw new Error(`never settled: ${left.map(({ id }) => id).join(', ')}`);
    if (this.#decided.size !== this.#arrivals.length) throw new Error('settled without a decision');
  }

  #serves({ inbox, takeEpoch }: Owner): boolean {
    return inbox === this.#directory.inbox && takeEpoch === this.#directory.epoch;
  }

  #step(step: Step): void {
    switch (step.do) {
      case 'arrive':
        return this.#arrive(step.account);
      case 'pump':
        return this.#pump(step.max);
      case 'carry':
        return this.#carry(step.index, step.fate);
      case 'work':
        return this.#work(step.node, step.account, step.count);
      case 'take-over':
        return this.#takeOver(step.node);
      case 'learn':
        return this.#learn(step.node);
      case 'hand-off':
        return this.#handOff(this.#owner(step.node));
      case 'release':
        return this.#release(this.#owner(step.node));
      case 'give-back':
        return this.#giveBack(this.#owner(step.node));
      case 'crash':
        this.#owners[step.node] = newOwner(`${step.node}-${(this.#births += 1)}`);
        return;
      case 'sender-crash':
        return this.#crashSender();
      case 'look':
        return this.#look();
      case 'wait':
        this.#nowMs += step.ms;
    }
  }

  #newSender(): Sender {
    const real = new ShardStream<Arrival>({
      windowMax: 6,
      heldMax: 1_000,
      answerTimeoutMs: 100,
      silenceDoublingsMax: 2,
      reopenPauseMs: 20,
    });
    return this.#parts.sender?.(real) ?? real;
  }

  #owner(node: number): Owner {
    const owner = this.#owners[node];
    if (owner === undefined) throw new Error(`no node ${node}`);
    return owner;
  }

  #arrive(account: number): void {
    const arrival = { id: this.#arrivals.length, account };
    this.#arrivals.push(arrival);
    this.#sender.add(arrival);
  }

  #look(): void {
    const { inbox, epoch } = this.#directory;
    this.#sender.aim(inbox === null ? null : { inbox, epoch }, this.#nowMs);
  }

  #pump(max: number): void {
    const forwards = this.#sender.takeDue(max, this.#nowMs).map(({ command, ...position }): Forward => ({
      ...position,
      shard: SHARD,
      queue: 'transactions_queue',
      road: 'delivery',
      attempt: 0,
      deferredFor: null,
      mayDecideError: false,
      redelivered: false,
      receivedAtMs: this.#nowMs,
      firstSeenAtMs: this.#nowMs,
      body: Buffer.from(JSON.stringify(command)),
    }));
    const to = this.#sender.target?.inbox;
    if (forwards.length === 0 || to === undefined) return;
    const bytes = encodeForwards({ from: this.#senderInbox, replyTo: this.#senderInbox, forwards });
    this.#network.push({ to, bytes });
  }

  #carry(index: number, fate: 'deliver' | 'lose' | 'double'): void {
    if (this.#network.length === 0) return;
    const place = index % this.#network.length;
    const [parcel] = fate === 'double' ? [this.#network[place]] : this.#network.splice(place, 1);
    if (fate === 'lose' || parcel === undefined) return;
    if (parcel.to === this.#senderInbox) return this.#answered(parcel.bytes);
    const owner = this.#owners.find(({ inbox }) => inbox === parcel.to);
    if (owner !== undefined) this.#received(owner, parcel.bytes);
    else this.#sender.lose(parcel.to, this.#nowMs);
  }

  #received(owner: Owner, bytes: Buffer): void {
    const decoded = decodeBatch(bytes);
    if (decoded.kind !== 'forwards') throw new Error(`not forwards: ${decoded.kind}`);
    const { from, replyTo, forwards } = decoded.batch;
    const answers: Answer[] = [];
    for (const forward of forwards) {
      const offer = this.#streamOf(owner, from).offer(forward, owner.takeEpoch);
      if (offer.kind === 'answer') answers.push(offer.answer);
      if (offer.kind !== 'take') continue;
      const arrival = JSON.parse(forward.body.toString()) as Arrival;
      const mailbox = owner.mailboxes.get(arrival.account) ?? [];
      owner.mailboxes.set(arrival.account, mailbox);
      mailbox.push({ ...arrival, from, stream: forward.stream, n: forward.n });
    }
    this.#answer(replyTo, answers);
  }

  #streamOf(owner: Owner, from: string): Receiver {
    const present = owner.streams.get(from);
    if (present !== undefined) return present;
    const real = new IncomingStream({ shard: SHARD, windowMax: 6 });
    const stream = this.#parts.receiver?.(real) ?? real;
    owner.streams.set(from, stream);
    return stream;
  }

  #answer(to: string, answers: readonly Answer[]): void {
    if (answers.length > 0) this.#network.push({ to, bytes: encodeAnswers({ from: 'owner', answers }) });
  }

  #answered(bytes: Buffer): void {
    const decoded = decodeBatch(bytes);
    if (decoded.kind !== 'answers') throw new Error(`not answers: ${decoded.kind}`);
    for (const answer of decoded.batch.answers) {
      switch (answer.kind) {
        case 'settled':
          for (const { id } of this.#sender.settle(answer.stream, answer.numbers)) this.#acknowledge(id);
          break;
        case 'gap':
          this.#sender.goBack(answer.stream, answer.expected);
          break;
        case 'not-owner':
          this.#sender.refuse(answer.stream, answer.epoch, this.#nowMs);
      }
    }
  }

  #acknowledge(id: number): void {
    if (this.#acknowledged.has(id)) throw new Error(`${id} was settled twice`);
    if (!this.#decided.has(id)) throw new Error(`${id} was settled undecided`);
    this.#acknowledged.add(id);
  }

  /** Commits the oldest commands of an account, or finds that somebody else owns the shard. */
  #work(node: number, account: number, count: number): void {
    const owner = this.#owner(node);
    const run = owner.mailboxes.get(account)?.splice(0, count) ?? [];
    if (run.length === 0) return;
    if (owner.commitEpoch !== this.#directory.epoch) {
      owner.mailboxes.get(account)?.unshift(...run);
      owner.commitEpoch = null;
      owner.takeEpoch = null;
      this.#giveBack(owner);
      return;
    }
    for (const taken of run) {
      this.#decide(taken);
      if (owner.streams.get(taken.from)?.settle(taken.stream, taken.n) !== true) continue;
      this.#answer(taken.from, [{ kind: 'settled', shard: SHARD, stream: taken.stream, numbers: [taken.n] }]);
    }
  }

  #decide({ id, account }: Arrival): void {
    if (this.#decided.has(id)) return;
    const older = this.#arrivals.find(
      (other) => other.account === account && other.id < id && !this.#decided.has(other.id),
    );
    if (older !== undefined) throw new Error(`${id} was decided before ${older.id}`);
    this.#decided.add(id);
  }

  #takeOver(node: number): void {
    const { inbox } = this.#owner(node);
    this.#directory = { epoch: this.#directory.epoch + 1n, inbox };
  }

  /** The answer to its takeover reaches the owner. */
  #learn(node: number): void {
    const owner = this.#owner(node);
    if (this.#directory.inbox !== owner.inbox || owner.commitEpoch === this.#directory.epoch) return;
    if (owner.commitEpoch !== null) this.#giveBack(owner);
    owner.commitEpoch = this.#directory.epoch;
    owner.takeEpoch = this.#directory.epoch;
  }

  #handOff(owner: Owner): void {
    owner.takeEpoch = null;
    this.#closeStreams(owner);
  }

  #release(owner: Owner): void {
    if (owner.commitEpoch === null || owner.takeEpoch !== null) return;
    this.#giveBack(owner);
    if (this.#directory.epoch === owner.commitEpoch) this.#directory = { ...this.#directory, inbox: null };
    owner.commitEpoch = null;
  }

  /** Whole: everything that is not settled. If it still owns the shard it goes on with new streams. */
  #giveBack(owner: Owner): void {
    this.#closeStreams(owner);
    for (const mailbox of owner.mailboxes.values()) {
      for (const { from, stream, n } of mailbox) owner.streams.get(from)?.drop(stream, n);
    }
    owner.mailboxes.clear();
  }

  #closeStreams(owner: Owner): void {
    for (const [from, stream] of owner.streams) {
      const answer = stream.close(owner.takeEpoch);
      if (answer !== null) this.#answer(from, [answer]);
    }
  }

  /** What was not acknowledged returns to its place in the queue, and another incarnation reads it. */
  #crashSender(): void {
    this.#births += 1;
    this.#senderInbox = `s${this.#births}`;
    this.#sender = this.#newSender();
    for (const arrival of this.#arrivals) {
      if (!this.#acknowledged.has(arrival.id)) this.#sender.add(arrival);
    }
  }
}

function newOwner(inbox: string): Owner {
  return { inbox, commitEpoch: null, takeEpoch: null, streams: new Map(), mailboxes: new Map() };
}
