import { LIMITS } from '../../../src/limits.ts';
import type {
  ClusterView,
  LeaseAnswer,
  LeaseName,
  LostLease,
  Membership,
  NodeRecord,
} from '../../../src/ports/cluster.ts';
import type { LinkState } from '../../../src/ports/connection.ts';
import type { Clock } from '../../../src/ports/runtime.ts';

/** `cut`: nothing gets through. `deaf`: what is asked is done, the answer does not come back. */
export type FakeLink = 'up' | 'cut' | 'deaf';

const ANSWER_MS = 3;

/** One Redis for all nodes: leases, records and the boot, as the scripts keep them. */
export class FakeRedis {
  readonly leases = new Map<LeaseName, { holder: string; untilMs: number }>();
  readonly records = new Map<string, { record: NodeRecord; untilMs: number }>();
  readonly #clock: Clock;
  #boot: { id: string; bornMs: number; tickedMs: number } | null = null;
  #boots = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  flushAll(): void {
    this.leases.clear();
    this.records.clear();
    this.#boot = null;
  }

  holderOf(lease: LeaseName): string | null {
    const entry = this.leases.get(lease);
    return entry === undefined || entry.untilMs <= this.#clock.now() ? null : entry.holder;
  }

  set(lease: LeaseName, holder: string): void {
    this.leases.set(lease, { holder, untilMs: this.#clock.now() + LIMITS.leaseMs });
  }

  isYoung(): boolean {
    const boot = this.#present();
    return boot === null || this.#clock.now() - boot.bornMs < LIMITS.leaseMs;
  }

  tick(record: NodeRecord): ClusterView {
    const nowMs = this.#clock.now();
    const found = this.#present();
    if (found === null) this.#boots += 1;
    const boot = found ?? { id: `boot-${this.#boots}`, bornMs: nowMs, tickedMs: nowMs };
    this.#boot = { ...boot, tickedMs: nowMs };
    this.records.set(record.incarnation, { record, untilMs: nowMs + LIMITS.leaseMs });
    for (const [incarnation, { untilMs }] of this.records)
      if (untilMs <= nowMs) this.records.delete(incarnation);
    const ageMs = nowMs - boot.bornMs;
    const nodes = [...this.records.values()].map((entry) => entry.record);
    return { boot: { id: boot.id, ageMs, young: ageMs < LIMITS.leaseMs }, nodes, lost: [] };
  }

  /** A new boot begins when nobody was able to tick for a lease time. */
  #present(): { id: string; bornMs: number; tickedMs: number } | null {
    const boot = this.#boot;
    return boot !== null && this.#clock.now() - boot.tickedMs <= LIMITS.leaseMs ? boot : null;
  }
}

export interface FakeMembershipOptions {
  readonly redis: FakeRedis;
  readonly self: Omit<NodeRecord, 'draining'>;
  /** The node's own: a node that is frozen gets its answers when it goes on. */
  readonly clock: Clock;
  /** Before leases are given up. */
  readonly onRelease?: (leases: readonly LeaseName[]) => void;
  readonly onTick?: () => void;
}

export class FakeMembership implements Membership {
  link: FakeLink = 'up';
  lastTick: LeaseAnswer<ClusterView> | null = null;
  readonly #options: FakeMembershipOptions;
  readonly #held = new Set<LeaseName>();

  constructor(options: FakeMembershipOptions) {
    this.#options = options;
  }

  state(): LinkState {
    return this.link === 'up' ? 'up' : 'down';
  }

  held(): ReadonlySet<LeaseName> {
    return this.#held;
  }

  async tick(draining: boolean): Promise<LeaseAnswer<ClusterView>> {
    const { redis, self, onTick } = this.#options;
    onTick?.();
    const renewed = [...this.#held];
    const answer = await this.#ask((): ClusterView => {
      const view = redis.tick({ ...self, draining });
      const lost = renewed.flatMap((lease): LostLease[] => {
        const holder = redis.holderOf(lease);
        if (holder !== self.incarnation) return [{ lease, holder }];
        redis.set(lease, holder);
        return [];
      });
      return { ...view, lost };
    });
    this.lastTick = answer;
    if (answer.kind === 'done') for (const { lease } of answer.value.lost) this.#held.delete(lease);
    return answer;
  }

  acquire(leases: readonly LeaseName[]): Promise<LeaseAnswer<readonly LeaseName[]>> {
    return this.#take(leases, 'acquire');
  }

  reassert(leases: readonly LeaseName[]): Promise<LeaseAnswer<readonly LeaseName[]>> {
    return this.#take(leases, 'reassert');
  }

  overwrite(leases: readonly LeaseName[]): Promise<LeaseAnswer<readonly LeaseName[]>> {
    return this.#take(leases, 'overwrite');
  }

  async release(leases: readonly LeaseName[]): Promise<LeaseAnswer<null>> {
    const { redis, self, onRelease } = this.#options;
    onRelease?.(leases);
    for (const lease of leases) this.#held.delete(lease);
    const answer = await this.#ask(() => {
      for (const lease of leases) if (redis.holderOf(lease) === self.incarnation) redis.leases.delete(lease);
      return null;
    });
    for (const lease of leases) this.#held.delete(lease);
    return answer;
  }

  forget(incarnation: string): Promise<LeaseAnswer<readonly LeaseName[]>> {
    const { redis, self } = this.#options;
    if (incarnation === self.incarnation) this.#held.clear();
    return this.#ask(() => {
      redis.records.delete(incarnation);
      const theirs = [...redis.leases.keys()].filter((lease) => redis.holderOf(lease) === incarnation);
      for (const lease of theirs) redis.leases.delete(lease);
      return theirs;
    });
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  async #take(
    leases: readonly LeaseName[],
    mode: 'acquire' | 'reassert' | 'overwrite',
  ): Promise<LeaseAnswer<readonly LeaseName[]>> {
    const { redis, self } = this.#options;
    const young = mode !== 'reassert' && redis.isYoung();
    const answer = await this.#ask((): readonly LeaseName[] => {
      if (young) return [];
      const mine = leases.filter((lease) => {
        const holder = redis.holderOf(lease);
        return holder === null || holder === self.incarnation || mode === 'overwrite';
      });
      for (const lease of mine) redis.set(lease, self.incarnation);
      return mine;
    });
    if (answer.kind !== 'done') return answer;
    for (const lease of answer.value) this.#held.add(lease);
    return young ? { kind: 'refused', reason: 'young' } : answer;
  }

  /** Done at once, answered a little later. */
  #ask<T>(act: () => T): Promise<LeaseAnswer<T>> {
    const { clock } = this.#options;
    const value = this.link === 'cut' ? undefined : act();
    return new Promise((resolve) => {
      if (this.link === 'up') {
        clock.after(ANSWER_MS, () => resolve({ kind: 'done', value: value as T }));
      } else {
        const reason = new Error('Redis did not answer');
        clock.after(LIMITS.leaseAnswerTimeoutMs, () => resolve({ kind: 'unknown', reason }));
      }
    });
  }
}
