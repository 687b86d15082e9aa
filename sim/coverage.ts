import type { AccountActor } from '../src/actors/account-actor.ts';
import { describePlace } from '../src/actors/account-actor.ts';
import { accountMachine } from '../src/machines/account-machine.ts';

/** What runs have hit: fault kinds, decisions, roads, and the states of the account's statechart. */
export class Coverage {
  readonly #counts = new Map<string, number>();

  count(name: string, by = 1): void {
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + by);
  }

  /** Notes every state and transition of an account's actor from here on. */
  watch(actor: AccountActor['inspected']): void {
    let before = 'started';
    actor.subscribe({
      next: ({ value }) => {
        const at = describePlace(value);
        if (at === before) return;
        this.count(`state: ${at}`);
        this.count(`step: ${before} -> ${at}`);
        before = at;
      },
      error: () => this.count('state: crashed'),
    });
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

  /** Leaf states of the account's chart that no run was in. */
  unvisitedStates(): readonly string[] {
    const visited = new Set(this.entries('state: ').map(([name]) => name));
    return leaves(accountMachine.root).filter((name) => !visited.has(name));
  }
}

type StateNode = (typeof accountMachine)['root'];

function leaves(node: StateNode): readonly string[] {
  const children = Object.values(node.states);
  if (children.length === 0) return [node.path.join('.')];
  return children.flatMap((child) => leaves(child));
}
