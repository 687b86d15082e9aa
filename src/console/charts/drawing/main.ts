import { mkdirSync, writeFileSync } from 'node:fs';
import { drawChart } from './draw-chart.ts';
import { MACHINES } from './machines.ts';
import { moduleText } from './module-text.ts';

/** `npm run charts`: draws every machine into `src/console/charts/drawn/`. Run from the project's folder. */
const FOLDER = 'src/console/charts/drawn';

mkdirSync(FOLDER, { recursive: true });
for (const [name, machine] of Object.entries(MACHINES)) {
  writeFileSync(`${FOLDER}/${name}.ts`, moduleText(name, await drawChart(machine)));
}
