import { readFile, readdir } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Logger } from '../../ports/runtime.ts';

/** What the build made of the page. `src` and `dist` are equally deep, so the same path serves both. */
const ASSETS = fileURLToPath(new URL('../../../dist/console/assets/', import.meta.url));

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
};

export interface Asset {
  readonly type: string;
  readonly body: Buffer;
}

/** Every file of the page by its name; none, and a warning, where it was not built: a node works without its page. */
export async function readConsoleAssets(logger: Pick<Logger, 'warn'>): Promise<ReadonlyMap<string, Asset>> {
  const names = await readdir(ASSETS).catch((error: unknown) => {
    logger.warn({ err: error }, 'the console was not built: npm run build does');
    return [];
  });
  const files = names.flatMap((name) => {
    const type = TYPES[extname(name)];
    return type === undefined ? [] : [{ name, type }];
  });
  const assets = files.map(async ({ name, type }) => {
    return [name, { type, body: await readFile(join(ASSETS, name)) }] as const;
  });
  return new Map(await Promise.all(assets));
}
