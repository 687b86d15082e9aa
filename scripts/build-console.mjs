// Bundles the console's page into dist/console/assets: one script, one style sheet, the page itself. Nothing is loaded from
// elsewhere. `--watch`: again on every change.
import { copyFileSync, mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build, context } from 'esbuild';

const PAGE = fileURLToPath(new URL('../src/console/page/', import.meta.url));
const ASSETS = fileURLToPath(new URL('../dist/console/assets/', import.meta.url));

const options = {
  entryPoints: { console: `${PAGE}main.ts`, style: `${PAGE}style.css` },
  entryNames: '[name]',
  outdir: ASSETS,
  bundle: true,
  minify: true,
  format: 'esm',
  target: ['chrome123', 'firefox120', 'safari17.5'],
  external: ['/console/assets/*'],
  legalComments: 'inline',
  logLevel: 'warning',
};

mkdirSync(ASSETS, { recursive: true });
for (const name of ['index.html', 'icon.svg']) copyFileSync(PAGE + name, ASSETS + name);
if (process.argv.includes('--watch')) await (await context(options)).watch();
else await build(options);
