import type { ELK as Elk, ElkExtendedEdge, ElkNode, ElkPoint, LayoutOptions } from 'elkjs/lib/elk-api.js';
import elkModule from 'elkjs/lib/elk.bundled.js';
import type { ChartTransition, NestedState } from '../chart.ts';
import { FONT, initialDotId, leaves, LINE, linesOf, transitionText, type TextLine } from './texts.ts';
import { textWidth } from './text-width.ts';

/** Where everything goes, in pixels from the left upper corner of the drawing. */
export interface Layout {
  readonly width: number;
  readonly height: number;
  /** By state id, and the initial dots by `initialDotId`. */
  readonly boxes: ReadonlyMap<string, Box>;
  readonly routes: readonly Route[];
}

export interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** One line of the drawing: all transitions from one state to another share it, and each has a line of the label. */
export interface Route {
  /** None: from an initial dot. */
  readonly transitions: readonly ChartTransition[];
  readonly points: readonly ElkPoint[];
  readonly label: Box | null;
}

/** Known to work together on nested charts; the options about model order crash the layouter (eclipse-elk#724). */
const CHART_OPTIONS: LayoutOptions = {
  'elk.algorithm': 'layered',
  'elk.direction': 'DOWN',
  'elk.hierarchyHandling': 'INCLUDE_CHILDREN',
  'elk.edgeRouting': 'ORTHOGONAL',
  'elk.json.edgeCoords': 'ROOT',
  'elk.json.shapeCoords': 'ROOT',
  'elk.randomSeed': '1',
  'elk.padding': '[top=12,left=12,bottom=12,right=12]',
};

const SPACING: LayoutOptions = {
  'elk.layered.cycleBreaking.strategy': 'DEPTH_FIRST',
  'elk.spacing.nodeNode': '28',
  'elk.spacing.edgeNode': '18',
  'elk.spacing.edgeEdge': '12',
  'elk.spacing.edgeLabel': '4',
  'elk.layered.spacing.nodeNodeBetweenLayers': '30',
  'elk.layered.spacing.edgeNodeBetweenLayers': '16',
  'elk.layered.spacing.edgeEdgeBetweenLayers': '12',
};

const MARGIN = 14;
/** Names are bold. */
const BOLD = 1.15;
export const DOT_SIZE = 10;

/** Lays a machine out. Rejects with what the layouter says. */
export async function layOut(machine: NestedState): Promise<Layout> {
  const elk: Elk = new elkModule.default();
  const graph: ElkNode = await elk.layout({
    id: 'chart',
    layoutOptions: { ...CHART_OPTIONS, ...SPACING },
    children: [nodeOf(machine)],
    edges: [...edgesOf(machine)],
  });
  const boxes = new Map<string, Box>();
  for (const child of graph.children ?? []) collect(child, boxes);
  const byEdge = groupsOf(machine);
  const routes = edgesIn(graph).map((edge) => routeOf(edge, byEdge.get(edge.id) ?? []));
  return { width: graph.width ?? 0, height: graph.height ?? 0, boxes, routes };
}

function nodeOf(state: NestedState): ElkNode {
  const lines = linesOf(state);
  const width = Math.ceil(Math.max(...lines.map(lineWidth))) + 2 * MARGIN;
  const height = lines.length * LINE.height + LINE.height;
  if (state.states.length === 0)
    return { id: state.id, width, height, layoutOptions: state.kind === 'final' ? LAST : {} };
  const dot: ElkNode = { id: initialDotId(state.id), width: DOT_SIZE, height: DOT_SIZE };
  return {
    id: state.id,
    layoutOptions: {
      ...SPACING,
      'elk.padding': `[top=${String(height + 8)},left=20,bottom=20,right=20]`,
      'elk.nodeSize.constraints': 'MINIMUM_SIZE',
      'elk.nodeSize.minimum': `(${String(width)},${String(height)})`,
    },
    children: [...(hasDot(state) ? [dot] : []), ...state.states.map(nodeOf)],
  };
}

const lineWidth = ({ kind, text, size }: TextLine): number =>
  textWidth(text, size) * (kind === 'name' ? BOLD : 1);

const LAST: LayoutOptions = { 'elk.layered.layering.layerConstraint': 'LAST' };

const hasDot = (state: NestedState): boolean => state.kind === 'compound';

function edgesOf(machine: NestedState): readonly ElkExtendedEdge[] {
  const drawn = [...groupsOf(machine)].map(([id, transitions]): ElkExtendedEdge => {
    const [source = '', target = ''] = id.split('>');
    const texts = transitions.map(transitionText);
    const width = Math.max(...texts.map((text) => textWidth(text, FONT.label))) + 8;
    const height = texts.length * LINE.label + 2;
    return {
      id,
      sources: [source],
      targets: [target],
      labels: [{ id: `${id} label`, text: texts.join('\n'), width, height }],
    };
  });
  return [...drawn, ...initialEdges(machine)];
}

function initialEdges(state: NestedState): readonly ElkExtendedEdge[] {
  const first = state.states.find(({ initial }) => initial);
  const dot = initialDotId(state.id);
  const own =
    hasDot(state) && first !== undefined
      ? [{ id: `${dot}>${first.id}`, sources: [dot], targets: [first.id] }]
      : [];
  return [...own, ...state.states.flatMap(initialEdges)];
}

/** Transitions that go out of their state, by `<source>><target>`. */
function groupsOf(machine: NestedState): ReadonlyMap<string, readonly ChartTransition[]> {
  const groups = new Map<string, ChartTransition[]>();
  const visit = (state: NestedState): void => {
    for (const transition of state.transitions) {
      const [target] = transition.targets;
      if (target === undefined || !leaves(state, transition)) continue;
      const id = `${state.id}>${target}`;
      groups.set(id, [...(groups.get(id) ?? []), transition]);
    }
    state.states.forEach(visit);
  };
  visit(machine);
  return groups;
}

/** With hierarchy the layouter may hand an edge to the box that holds both of its ends. */
function edgesIn(node: ElkNode): readonly ElkExtendedEdge[] {
  return [...(node.edges ?? []), ...(node.children ?? []).flatMap(edgesIn)];
}

function collect(node: ElkNode, boxes: Map<string, Box>): void {
  boxes.set(node.id, boxOf(node));
  for (const child of node.children ?? []) collect(child, boxes);
}

function boxOf({ x = 0, y = 0, width = 0, height = 0 }: Partial<Box>): Box {
  return { x, y, width, height };
}

function routeOf(edge: ElkExtendedEdge, transitions: readonly ChartTransition[]): Route {
  const [section] = edge.sections ?? [];
  if (section === undefined) throw new Error(`the layouter left out ${edge.id}`);
  const label = edge.labels?.[0];
  return {
    transitions,
    points: [section.startPoint, ...(section.bendPoints ?? []), section.endPoint],
    label: label === undefined ? null : boxOf(label),
  };
}
