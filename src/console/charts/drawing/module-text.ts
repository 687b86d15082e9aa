import type { Chart } from '../chart.ts';

/** A drawing as a module of ours, so that it needs neither the layouter nor a file beside the code. */
export function moduleText(name: string, { svg, states }: Chart): string {
  return `// Drawn from the machine by \`npm run charts\`; a test compares the two.
import type { Chart } from '../chart.ts';

export const ${name}Chart: Chart = {
  svg: \`${svg.replace(/[\\`$]/g, '\\$&')}\`,
  states: ${JSON.stringify(states, null, 1)},
};
`;
}
