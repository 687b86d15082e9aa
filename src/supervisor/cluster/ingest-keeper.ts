import { INBOUND_QUEUES } from '../../contracts/queues.ts';
import { ensureError } from '../../domain/errors.ts';
import type { LeaseName, Membership } from '../../ports/cluster.ts';
import type { Logger } from '../../ports/runtime.ts';
import { Placement } from './placement.ts';
import type { Situation } from './peers.ts';

/** `asking`: for the lease. `closing`: the channel is being closed; the lease is still ours. */
export type IntakeState = 'closed' | 'asking' | 'open' | 'closing';

export interface IntakeCallbacks {
  /** Asks the broker for the exclusive consumer until it gets it or is told to close. Must not throw. */
  readonly openIntake: (queue: string) => void;
  /** Resolves when the channel is closed, so that what was not acknowledged is back in its place. */
  readonly closeIntake: (queue: string) => Promise<void>;
}

export interface IngestKeeperOptions {
  /** Names of the queues that are read, the same on all nodes; the contract's unless given. */
  readonly queues?: readonly string[] | undefined;
  readonly membership: Pick<Membership, 'held' | 'acquire' | 'reassert' | 'release'>;
  readonly callbacks: IntakeCallbacks;
  readonly logger: Logger;
  /** Something that was under way has ended. Must not throw. */
  readonly onSettled: () => void;
  /** A role of ours has become free. Must not throw. */
  readonly onReleased: () => void;
}

interface Role {
  readonly queue: string;
  readonly lease: LeaseName;
  state: IntakeState;
  /** We read it last, as far as we know: nobody else is at work on it whose lease may have been lost. */
  wasOurs: boolean;
}

/**
 * Which queues this node reads. Owns the states of the ingest roles.
 *
 * I1. The lease is given back after the channel is closed, never before.
 * I2. With Redis away the broker's exclusive consumer alone decides: what is open stays open, and who should have a
 *     role asks the broker for it. Afterwards whoever does not get the lease closes.
 * I3. While the boot is young a queue is opened only by who read it last (an outage ends for all at once, and need not be
 *     waited out), or where nobody is at work whose lease may have been lost; those that are open put their leases back.
 *     Two that both think so (one was frozen meanwhile) find out by the lease, and the broker lets one of them read.
 * I4. Once shut nothing is opened, not even with a lease that was under way, until the next `act`.
 */
export class IngestKeeper {
  readonly #options: IngestKeeperOptions;
  readonly #roles: readonly Role[];
  readonly #placement: Placement;
  #intake: 'allowed' | 'shut' = 'shut';

  constructor(options: IngestKeeperOptions) {
    this.#options = options;
    this.#roles = (options.queues ?? INBOUND_QUEUES).map((queue) => ({
      queue,
      lease: `ingest:${queue}`,
      state: 'closed',
      wasOurs: false,
    }));
    this.#placement = new Placement(this.#roles.map(({ lease }) => lease));
  }

  stateOf(queue: string): IntakeState {
    return this.#roles.find((role) => role.queue === queue)?.state ?? 'closed';
  }

  get isEmpty(): boolean {
    return this.#roles.every(({ state }) => state === 'closed');
  }

  /** To be called while the gate is open. Does not wait for what it begins. */
  act(situation: Situation): void {
    if (situation.draining || situation.intake === 'paused') {
      this.shut();
      return;
    }
    this.#intake = 'allowed';
    const desired = this.#placement.of(situation.places);
    const belongsHere = ({ lease }: Role): boolean => desired.get(lease) === situation.nodeId;
    const wanted = this.#roles.filter((role) => role.state === 'closed' && belongsHere(role));
    if (situation.trust === 'unknown') {
      for (const role of wanted) this.#open(role);
      return;
    }
    this.#squareLeases(wanted);
    if (situation.trust === 'young') {
      const ours = wanted.filter(({ wasOurs }) => wasOurs || situation.othersAtWork === 'nobody');
      if (ours.length > 0) void this.#acquire(ours, 'reassert');
      return;
    }
    if (wanted.length > 0) void this.#acquire(wanted, 'acquire');
    if (desired.size === 0) return;
    for (const role of this.#roles) if (!belongsHere(role)) this.#giveAway(role);
  }

  /** Closes everything: the gate is closed, the node drains, or an operator has paused intake. */
  shut(): void {
    this.#intake = 'shut';
    for (const role of this.#roles) if (role.state === 'open') void this.#close(role);
  }

  #squareLeases(wanted: readonly Role[]): void {
    const { membership } = this.#options;
    const held = membership.held();
    const missing = this.#roles.filter(({ state, lease }) => state === 'open' && !held.has(lease));
    const idle = this.#roles.filter(
      (role) => role.state === 'closed' && held.has(role.lease) && !wanted.includes(role),
    );
    if (missing.length > 0) void this.#reassert(missing);
    if (idle.length > 0) void membership.release(idle.map(({ lease }) => lease));
  }

  async #reassert(roles: readonly Role[]): Promise<void> {
    const answer = await this.#options.membership.reassert(roles.map(({ lease }) => lease));
    if (answer.kind !== 'done') return;
    for (const role of roles) if (!answer.value.includes(role.lease)) this.#giveAway(role);
  }

  /** It is another node's. */
  #giveAway(role: Role): void {
    role.wasOurs = false;
    if (role.state === 'open') void this.#close(role);
  }

  async #acquire(roles: readonly Role[], mode: 'acquire' | 'reassert'): Promise<void> {
    const { membership, onSettled } = this.#options;
    for (const role of roles) role.state = 'asking';
    const answer = await membership[mode](roles.map(({ lease }) => lease));
    const ours = answer.kind === 'done' ? answer.value : [];
    for (const role of roles) role.state = 'closed';
    const got = roles.filter(({ lease }) => ours.includes(lease));
    if (answer.kind === 'done') for (const role of roles) role.wasOurs &&= got.includes(role);
    if (this.#intake === 'allowed') for (const role of got) this.#open(role);
    else if (got.length > 0) await membership.release(got.map(({ lease }) => lease));
    onSettled();
  }

  #open(role: Role): void {
    role.state = 'open';
    role.wasOurs = true;
    this.#options.callbacks.openIntake(role.queue);
  }

  async #close(role: Role): Promise<void> {
    const { membership, callbacks, logger, onSettled, onReleased } = this.#options;
    role.state = 'closing';
    try {
      await callbacks.closeIntake(role.queue);
    } catch (error) {
      logger.error({ err: ensureError(error), queue: role.queue }, 'the intake did not close in good order');
    }
    await membership.release([role.lease]);
    role.state = 'closed';
    onReleased();
    onSettled();
  }
}
