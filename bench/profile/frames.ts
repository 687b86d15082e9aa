/** A call path, and what was spent at its end: microseconds of a CPU profile, bytes of a heap profile. */
export interface Frame {
  readonly name: string;
  /** File and line; empty: V8 itself. */
  readonly place: string;
  readonly self: number;
  /** `self` and all below it. */
  readonly total: number;
  readonly children: readonly Frame[];
}

interface CallFrame {
  readonly functionName: string;
  readonly url: string;
  readonly lineNumber: number;
}

/** The parts of V8's CPU profile that are used here. */
export interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: CallFrame;
    readonly children?: readonly number[];
  }[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

interface HeapNode {
  readonly callFrame: CallFrame;
  readonly selfSize: number;
  readonly children: readonly HeapNode[];
}

export interface HeapProfile {
  readonly head: HeapNode;
}

/** Not work. */
const IDLE = '(idle)';

/** Each sample stands for the time since the one before it. */
export function cpuFrames({ nodes, samples, timeDeltas }: CpuProfile): Frame {
  const selfUs = new Map<number, number>();
  for (const [index, id] of samples.entries())
    selfUs.set(id, (selfUs.get(id) ?? 0) + Math.max(0, timeDeltas[index] ?? 0));
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const build = (id: number): Frame => {
    const node = byId.get(id);
    if (node === undefined) throw new Error(`the profile has no node ${id}`);
    const children = (node.children ?? []).map(build).filter(({ name }) => name !== IDLE);
    return frame(node.callFrame, selfUs.get(id) ?? 0, children);
  };
  const [root] = nodes;
  if (root === undefined) throw new Error('the profile is empty');
  return build(root.id);
}

export function heapFrames({ head }: HeapProfile): Frame {
  const build = (node: HeapNode): Frame => frame(node.callFrame, node.selfSize, node.children.map(build));
  return build(head);
}

function frame(
  { functionName, url, lineNumber }: CallFrame,
  self: number,
  children: readonly Frame[],
): Frame {
  return {
    name: functionName === '' ? '(anonymous)' : functionName,
    place: url === '' ? '' : `${shortened(url)}:${lineNumber + 1}`,
    self,
    total: children.reduce((sum, { total }) => sum + total, self),
    children: [...children].sort((a, b) => b.total - a.total),
  };
}

/** `amqplib/lib/channel.js` of a package, `dist/actors/commit-lane.js` of ours. */
function shortened(url: string): string {
  const inPackage = /^.*\/node_modules\/(.*)$/.exec(url)?.[1];
  return inPackage ?? /\/(dist\/.*)$/.exec(url)?.[1] ?? url;
}

export interface SelfCost {
  readonly name: string;
  readonly place: string;
  readonly self: number;
}

/** Functions by what was spent in themselves, on whatever path; the dearest first. */
export function selfCosts(root: Frame): readonly SelfCost[] {
  const costs = new Map<string, SelfCost>();
  const visit = ({ name, place, self, children }: Frame): void => {
    const key = `${name} ${place}`;
    if (self > 0) costs.set(key, { name, place, self: self + (costs.get(key)?.self ?? 0) });
    children.forEach(visit);
  };
  visit(root);
  return [...costs.values()].sort((a, b) => b.self - a.self);
}

/** Whose code it is: the package, `paygate`, `node` or `V8`. */
export function ownerOf(place: string): string {
  if (place === '') return 'V8';
  if (place.startsWith('dist/')) return 'paygate';
  if (place.startsWith('node:')) return 'node';
  return /^(@[^/]+\/)?[^/]+/.exec(place)?.[0] ?? place;
}
