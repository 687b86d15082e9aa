import { relative } from 'node:path';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/**
 * Small files that take long, the longest first. Vitest starts large files first, where it does not know durations from
 * a run before: one of these would come last, and the other workers would have nothing left to do meanwhile.
 */
const LONG = [
  'test/unit/sim/simulator.test.ts',
  'test/unit/sim/planted-bugs.test.ts',
  'test/integration/node-outage.test.ts',
  'test/integration/shipped.test.ts',
  'test/integration/demo.test.ts',
  'test/integration/bench.test.ts',
  'test/integration/services-lifecycle.test.ts',
  'test/integration/events-outage.test.ts',
  'test/cluster/servers-lost.test.ts',
  'test/cluster/nodes-lost.test.ts',
  'test/cluster/joining-and-leaving.test.ts',
  'test/cluster/one-node-cut-off.test.ts',
];

/** Vitest's own order, but for what is known to take long, which begins. Groups of projects stay in their order. */
export class LongFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    const place = (spec: TestSpecification): number => {
      const index = LONG.indexOf(relative(this.ctx.config.root, spec.moduleId).replaceAll('\\', '/'));
      return index === -1 ? LONG.length : index;
    };
    const group = ({ project }: TestSpecification): number => project.config.sequence.groupOrder;
    return sorted.sort((a, b) => group(a) - group(b) || place(a) - place(b));
  }
}
