import { readdirSync, readFileSync } from 'node:fs';

const fileOf = (name: string): URL => new URL(`../../${name}`, import.meta.url);

export interface DocBlock {
  /** Relative to the project. */
  readonly page: string;
  /** The last one before it, without its number signs; empty: none. */
  readonly heading: string;
  /** Of the first word behind the fence; empty: none. */
  readonly language: string;
  /** What else stands behind the fence: of JSON the schema that it keeps to. */
  readonly note: string;
  readonly text: string;
}

function blocksOf(page: string): readonly DocBlock[] {
  const blocks: DocBlock[] = [];
  let heading = '';
  const parts = readFileSync(fileOf(page), 'utf8').matchAll(/^#+ (.+)$|^```(\w*) ?(.*)\n([^]*?)^```$/gm);
  for (const [, title, language = '', note = '', text = ''] of parts) {
    if (title === undefined) blocks.push({ page, heading, language, note, text });
    else heading = title;
  }
  return blocks;
}

const PAGES: readonly string[] = [
  'README.md',
  'sim/README.md',
  ...readdirSync(fileOf('docs'))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
];

/** Every fenced block of README.md, docs/*.md and the simulator's page. */
export const DOC_BLOCKS: readonly DocBlock[] = PAGES.flatMap(blocksOf);

/** What stands in backquotes between blocks, on one line. */
export const DOC_PHRASES: readonly { readonly page: string; readonly text: string }[] = PAGES.flatMap(
  (page) =>
    [
      ...readFileSync(fileOf(page), 'utf8')
        .replaceAll(/^```[^]*?^```$/gm, '')
        .matchAll(/`([^`\n]+)`/g),
    ].map(([, text = '']) => ({ page, text })),
);

/** The lines of shell blocks, as they stand; a line that ends with a backslash goes on. */
export function linesOf(block: DocBlock): readonly string[] {
  return block.text
    .replaceAll(/\\\n\s*/g, '')
    .split('\n')
    .filter((line) => line.trim() !== '');
}
