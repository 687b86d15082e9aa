// What the console's page is bundled from and how: for the build, and for the list of what is in it (scripts/notice.mjs).
import { fileURLToPath } from 'node:url';

export const PAGE = fileURLToPath(new URL('../src/console/page/', import.meta.url));
export const ASSETS = fileURLToPath(new URL('../dist/console/assets/', import.meta.url));

export const consoleBundle = {
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
