// Bundles the console's page into dist/console/assets: one script, one style sheet, the page itself. Nothing is loaded from
// elsewhere. `--watch`: again on every change.
import { copyFileSync, mkdirSync } from 'node:fs';
import { build, context } from 'esbuild';
import { ASSETS, PAGE, consoleBundle } from './console-bundle.mjs';

mkdirSync(ASSETS, { recursive: true });
for (const name of ['index.html', 'icon.svg']) copyFileSync(PAGE + name, ASSETS + name);
if (process.argv.includes('--watch')) await (await context(consoleBundle)).watch();
else await build(consoleBundle);
