import type { SuiteReport } from '../report/suite-report.ts';
import { surroundingsLines } from '../report/text.ts';
import { cpuSection } from './cpu-section.ts';
import { latencySection } from './latency-section.ts';
import { WIDTH } from './section.ts';
import { label, picture } from './svg.ts';
import { throughputSection } from './throughput-section.ts';

const STYLE = `
text { font: 13px system-ui, sans-serif; fill: #24292f }
.title { font-size: 20px; font-weight: 600 }
.section { font-size: 15px; font-weight: 600 }
.quiet { fill: #57606a; font-size: 12px }
.paper { fill: #ffffff }
.grid { stroke: #d8dee4; stroke-width: 1 }
.spread { stroke: #24292f; stroke-width: 1.5 }
.floor { stroke: #bc4c00; stroke-width: 2; stroke-dasharray: 3 2 }
.goal { stroke: #1a7f37; stroke-width: 2 }
.thread { stroke: #8c959f; stroke-width: 2 }
.a { fill: #2f6fde } .b { fill: #e08a1e } .c { fill: #7a52c7 } .d { fill: #c4432b }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 } .quiet { fill: #9198a1 } .paper { fill: #0d1117 } .grid { stroke: #30363d }
  .spread { stroke: #e6edf3 } .floor { stroke: #f0883e } .goal { stroke: #3fb950 }
  .a { fill: #5b93f5 } .b { fill: #eba94d } .c { fill: #a684e8 } .d { fill: #e8705a }
}`;

const MARGIN = 24;
const HEAD = 92;
const GAP = 34;

/** All that was measured, in one picture: throughput, what a transaction costs, how long it takes. */
export function suiteChart(report: SuiteReport): string {
  const sections = [throughputSection(report), cpuSection(report), latencySection(report)].filter(
    (section) => section !== null,
  );
  const parts: string[] = head(report);
  let top = HEAD + GAP;
  for (const { title, height, draw } of sections) {
    parts.push(label(MARGIN, top, title, 'section'), ...draw(top + 22));
    top += height + 22 + GAP;
  }
  return picture(WIDTH, top, STYLE, parts);
}

function head(report: SuiteReport): string[] {
  const { ended, startedAt } = report;
  const title = `PayGateway Processor, measured on ${startedAt.slice(0, 10)}${ended === 'complete' ? '' : ' (interrupted)'}`;
  const where = surroundingsLines(report).map((text, index) => label(MARGIN, 58 + index * 16, text, 'quiet'));
  return [label(MARGIN, 36, title, 'title'), ...where];
}
