import { FakeClock, SeededRandom } from '../../support/fakes/fake-clock.ts';
import { FakePost } from '../../support/fakes/fake-inbox.ts';
import { ACCOUNT_IDS, ModelLedger, SHARDS } from './forwarder-ledger.ts';
import { TestNode } from './forwarder-node.ts';
import type { Mutations, Surroundings } from './forwarder-node.ts';

/** Rounds in which everything must have ended once nothing goes wrong any more: 30 s. */
const HEAL_STEPS_MAX = 30_000;

/** Three nodes, an ingest role that moves with deaths, and a keeper that knows everything. Same seed, same story. */
export class TestCluster {
  readonly clock = new FakeClock();
  readonly random: SeededRandom;
  readonly post: FakePost;
  readonly ledger: ModelLedger;
  readonly #around: Surroundings;
  readonly #nodes: TestNode[] = [];
  #births = 0;
  #parks = false;
  #ingest: TestNode;

  constructor(seed: number, mutations: Mutations = {}, giveBackRate = 0) {
    this.random = new SeededRandom(seed);
    this.post = new FakePost(this.clock);
    this.ledger = new ModelLedger(this.clock);
    const { clock, random, post, ledger } = this;
    this.#around = { clock, random, post, ledger, giveBackRate, mutations };
    this.#ingest = this.start();
    this.start();
    this.start();
  }

  get ingest(): TestNode {
    return this.#ingest;
  }

  node(index: number): TestNode {
    const node = this.#nodes[index];
    if (node === undefined) throw new Error(`no node ${index}`);
    return node;
  }

  /** Alive, in order of birth. */
  get alive(): readonly TestNode[] {
    return this.#nodes.filter(({ isAlive }) => isAlive);
  }

  start(): TestNode {
    const node = new TestNode(`n${(this.#births += 1)}`, this.#around);
    this.#nodes.push(node);
    if (this.#parks) node.orphans.start();
    return node;
  }

  arrive(count: number): void {
    for (let round = 0; round < count; round += 1) {
      const accountId = ACCOUNT_IDS[Math.floor(this.random.next() * ACCOUNT_IDS.length)];
      if (accountId !== undefined) this.#ingest.deliver(this.ledger.publish(accountId));
    }
  }

  /** PostgreSQL knows at once, the node after `learnMs`. */
  giveTo(node: TestNode, shards: readonly number[] = SHARDS, learnMs = 0): void {
    for (const shard of shards) {
      const epoch = this.ledger.takeOver(shard, node.owner);
      if (learnMs === 0) node.own(shard, epoch);
      else this.clock.after(learnMs, () => node.own(shard, epoch));
    }
  }

  /** Its shards have no live owner until somebody takes them; if it reads the queue, another node goes on with what is unacknowledged. */
  kill(node: TestNode): void {
    node.kill();
    if (node !== this.#ingest) return;
    this.#ingest = this.alive[0] ?? this.start();
    for (const message of this.ledger.unacknowledged()) this.#ingest.deliver(message);
  }

  /** The reader is cut off: another one gets everything that is not acknowledged, and the old one goes on with what it has. */
  replaceReader(): void {
    const old = this.#ingest;
    old.loseChannel();
    this.#ingest = this.alive.find((node) => node !== old) ?? this.start();
    for (const message of this.ledger.unacknowledged()) this.#ingest.deliver(message);
  }

  /** From now on commands of shards without owner are parked. */
  startParking(): void {
    this.#parks = true;
    for (const node of this.alive) node.orphans.start();
  }

  takeUpParked(): void {
    for (const node of this.alive) node.takeUpParked();
  }

  async run(durationMs: number): Promise<void> {
    for (let ms = 0; ms < durationMs; ms += 1) await this.#step();
  }

  /** From now on nothing goes wrong and every shard has an owner. Throws when something stays behind. */
  async heal(): Promise<void> {
    this.post.fate = () => [1];
    this.ledger.isAway = false;
    for (const node of this.alive) node.inbox.setFlow('open');
    for (let step = 0; step < HEAL_STEPS_MAX; step += 1) {
      if (step % 100 === 0) {
        this.adopt();
        this.takeUpParked();
      }
      await this.#step();
      if (this.#isQuiet()) return;
    }
    const left = this.ledger.unacknowledged().map(({ id }) => id);
    const held = this.alive.map(({ incarnation, idle }) => `${incarnation} ${idle}`).join('; ');
    throw new Error(`never settled: ${left.join()} (in flight, held, taken, routed: ${held})`);
  }

  /** Shards that nobody alive serves get an owner. */
  adopt(): void {
    for (const shard of SHARDS) {
      const { epoch } = this.ledger.rowOf(shard);
      if (this.alive.some((node) => node.ownedEpoch(shard) === epoch)) continue;
      this.giveTo(this.pick(this.alive), [shard]);
    }
  }

  pick<T>(list: readonly T[]): T {
    const item = list[Math.floor(this.random.next() * list.length)];
    if (item === undefined) throw new Error('nothing to pick from');
    return item;
  }

  #isQuiet(): boolean {
    const hasEnded = this.alive.every(({ idle }) => idle === '0,0,0,0');
    const { ledger } = this;
    return hasEnded && ledger.unacknowledged().length === 0 && ledger.accountsParked.size === 0;
  }

  async #step(): Promise<void> {
    this.clock.runSoon();
    // Promises of directory reads.
    for (let turn = 0; turn < 4; turn += 1) await Promise.resolve();
    this.clock.advance(1);
    if (this.ledger.broken !== null) throw this.ledger.broken;
  }
}
