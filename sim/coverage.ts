import type { AccountActor } from '../src/actors/account-actor.ts';
import { ACCOUNT_STEPS, describePlace } from '../src/actors/account-actor.ts';
import { accountMachine } from '../src/machines/account-machine.ts';
import { SHARD_MOVES } from '../src/machines/shard-machine.ts';
import type { ShardMove } from '../src/machines/shard-machine.ts';
import type { ShardSlot } from '../src/supervisor/cluster/shard-slot.ts';

type StateNode = (typeof accountMachine)['root'];
type Transition = StateNode['always'] extends readonly (infer T)[] | undefined ? T : never;

/** What runs have hit: fault kinds, decisions, roads, and the states and transitions of the charts of account and shard. */
export class Coverage {
  readonly #counts = new Map<string, number>();
  /** XState systems that are looked at: one for all accounts of a node. */
  readonly #systems = new WeakSet();

  count(name: string, by = 1): void {
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + by);
  }

  /** Notes every state and transition of an account's actor from here on. */
  watchAccount(actor: AccountActor['inspected']): void {
    let before = '';
    const note = (at: string): void => {
      if (at !== before) this.count(`account: ${at}`);
      before = at;
    };
    note(describePlace(actor.getSnapshot().value));
    actor.subscribe({
      next: ({ value }) => note(describePlace(value)),
      error: () => this.count('account: crashed'),
    });
    STEPS_OF.set(actor, (transition) => this.#noteStep(transition));
    if (this.#systems.has(actor.system)) return;
    this.#systems.add(actor.system);
    // Steps that XState takes itself.
    actor.system.inspect((event) => {
      if (event.type === '@xstate.microstep') for (const taken of event._transitions) this.#noteStep(taken);
    });
  }

  #noteStep(transition: object): void {
    const known = TRANSITION_NAMES.get(transition);
    if (known === undefined) return;
    this.count(`step: ${known.name}`);
    // Passed through in one step, such as `unknown`.
    this.count(`account: ${known.from}`, 0);
  }

  watchShard({ state }: ShardSlot, move: ShardMove): void {
    this.count(`shard: ${state}`);
    this.count(`shard step: ${state} on ${move}`);
  }

  add(other: Coverage): void {
    for (const [name, count] of other.#counts) this.count(name, count);
  }

  /** In the order of their names. */
  entries(prefix: string): readonly (readonly [name: string, count: number])[] {
    return [...this.#counts]
      .filter(([name]) => name.startsWith(prefix))
      .map(([name, count]) => [name.slice(prefix.length), count] as const)
      .sort(([a], [b]) => (a < b ? -1 : 1));
  }

  all(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.entries(''));
  }

  /** States and transitions that no run was in, by their chart. */
  unvisited(): readonly string[] {
    return EVERYTHING.filter((name) => !this.#counts.has(name));
  }

  /** How many states and transitions there are. */
  get total(): number {
    return EVERYTHING.length;
  }
}

const STEPS_OF = new WeakMap<object, (transition: object) => void>();

ACCOUNT_STEPS.onStep = (actor, transition) => STEPS_OF.get(actor as object)?.(transition);

const TRANSITION_NAMES: ReadonlyMap<object, { readonly name: string; readonly from: string }> = new Map(
  nodesOf(accountMachine.root).flatMap((node) => {
    const onEvents = [...node.transitions].flatMap(([event, transitions]) =>
      transitions.map((transition) => [transition, nameOf(node, event, transition)] as const),
    );
    const always = (node.always ?? []).map(
      (transition) => [transition, nameOf(node, 'always', transition)] as const,
    );
    return [...onEvents, ...always];
  }),
);

const EVERYTHING: readonly string[] = [
  ...leaves(accountMachine.root).map((name) => `account: ${name}`),
  ...new Set([...TRANSITION_NAMES.values()].map(({ name }) => `step: ${name}`)),
  ...Object.keys(SHARD_MOVES).map((state) => `shard: ${state}`),
  ...Object.entries(SHARD_MOVES).flatMap(([state, moves]) =>
    Object.keys(moves).map((move) => `shard step: ${state} on ${move}`),
  ),
];

function nodesOf(node: StateNode): readonly StateNode[] {
  return [node, ...Object.values(node.states).flatMap((child) => nodesOf(child))];
}

function leaves(node: StateNode): readonly string[] {
  return nodesOf(node)
    .filter(({ states }) => Object.keys(states).length === 0)
    .map(({ path }) => path.join('.'));
}

function nameOf(
  node: StateNode,
  event: string,
  { guard, target }: Transition,
): { readonly name: string; readonly from: string } {
  const at = node.path.length === 0 ? 'anywhere' : node.path.join('.');
  const condition = guard === undefined ? '' : ` if ${typeof guard === 'string' ? guard : 'guarded'}`;
  const to = target === undefined ? '' : ` -> ${target.map(({ path }) => path.join('.')).join(', ')}`;
  return { name: `${at} on ${event}${condition}${to}`, from: node.path.join('.') };
}
