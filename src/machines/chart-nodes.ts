/** What is used of XState's nodes and transitions. */
export interface ChartNode {
  readonly key: string;
  readonly id: string;
  readonly type: string;
  readonly states: Readonly<Record<string, ChartNode>>;
  readonly parent?: ChartNode;
  readonly initial: { readonly target: readonly ChartNode[]; readonly actions: readonly unknown[] };
  readonly entry: readonly unknown[];
  readonly exit: readonly unknown[];
  readonly invoke: readonly unknown[];
  readonly tags: readonly string[];
  readonly transitions: ReadonlyMap<string, readonly ChartTransition[]>;
  readonly always?: readonly ChartTransition[];
}

export interface ChartTransition {
  readonly target: readonly ChartNode[] | undefined;
  readonly source: ChartNode;
  readonly actions: readonly unknown[];
  readonly guard?: unknown;
  readonly reenter: boolean;
}

/** The states that have none of their own. Throws where a state is of a kind that `quickMachine` does not know. */
export function leavesOf(node: ChartNode): readonly ChartNode[] {
  const isKnown = node.type === 'compound' || node.type === 'atomic' || node.type === 'final';
  if (!isKnown || node.invoke.length > 0 || (node.type === 'compound' && node.initial.actions.length > 0))
    throw new Error(`${node.id} is of a kind that is not known here: ${node.type}`);
  const inside = Object.values(node.states);
  return inside.length === 0 ? [node] : inside.flatMap(leavesOf);
}

/** The innermost state that a transition does not leave. */
export function domainOf(source: ChartNode, to: ChartNode): ChartNode {
  const around = pathTo(to).slice(0, -1);
  if (around.includes(source)) return source;
  const aroundSource = pathTo(source).slice(0, -1);
  const domain = around.findLast((node) => aroundSource.includes(node));
  if (domain === undefined) throw new Error(`${source.id} and ${to.id} are not in one chart`);
  return domain;
}

/** From the root to the node itself. */
export function pathTo(node: ChartNode): readonly ChartNode[] {
  return node.parent === undefined ? [node] : [...pathTo(node.parent), node];
}

/** Where one ends up that enters this state. */
export function entered(node: ChartNode): ChartNode {
  const [first] = node.type === 'compound' ? node.initial.target : [];
  return first === undefined ? node : entered(first);
}
