import { label, picture, rect } from '../chart/svg.ts';
import { ownerOf, type Frame } from './frames.ts';

const STYLE = `
text { font: 11px system-ui, sans-serif; fill: #24292f; pointer-events: none }
.title { font-size: 15px; font-weight: 600 } .paper { fill: #ffffff }
rect { stroke: #ffffff; stroke-width: 0.5 }
.paygate { fill: #8ab4f8 } .package { fill: #f3c178 } .node { fill: #b9d8a8 } .v8 { fill: #d5b8ea }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 } .paper { fill: #0d1117 } rect { stroke: #0d1117 }
  .paygate { fill: #1f4f99 } .package { fill: #85591a } .node { fill: #3c6430 } .v8 { fill: #5d3f78 }
}`;

const WIDTH = 1_600;
const ROW = 17;
const TOP = 40;
/** Narrower ones would only be lines. */
const WIDTH_MIN = 0.6;
const CHARACTER_WIDTH = 6;

/**
 * All call paths from the root downwards, as wide as what was spent on them: ours blue, packages orange, Node's own green, V8 (garbage
 * collection, native code) purple. A pointer on a box tells its name, place and share.
 */
export function flameGraph(root: Frame, title: string): string {
  const boxes: string[] = [];
  let depthMax = 0;
  const draw = (frame: Frame, x: number, depth: number): void => {
    const width = (frame.total / root.total) * WIDTH;
    if (width < WIDTH_MIN) return;
    depthMax = Math.max(depthMax, depth);
    const y = TOP + depth * ROW;
    const share = `${((frame.total / root.total) * 100).toFixed(1)} %`;
    const tip = [
      frame.name,
      frame.place,
      `${share}, itself ${((frame.self / root.total) * 100).toFixed(1)} %`,
    ];
    boxes.push(
      rect({ x, y, width, height: ROW }, classOf(frame), tip.filter((text) => text !== '').join('\n')),
    );
    const fitting = frame.name.slice(0, Math.max(0, Math.floor((width - 4) / CHARACTER_WIDTH)));
    if (fitting.length > 2) boxes.push(label(x + 3, y + 12, fitting));
    let left = x;
    for (const child of frame.children) {
      draw(child, left, depth + 1);
      left += (child.total / root.total) * WIDTH;
    }
  };
  draw(root, 0, 0);
  return picture(WIDTH, TOP + (depthMax + 1) * ROW + 8, STYLE, [label(8, 24, title, 'title'), ...boxes]);
}

function classOf({ place }: Frame): string {
  const owner = ownerOf(place);
  if (owner === 'paygate' || owner === 'node') return owner;
  return owner === 'V8' ? 'v8' : 'package';
}
