/** Without this: somebody copies a command out of the documentation, and it is none; or docs/COMMANDS.md lacks one. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { DOC_BLOCKS, linesOf } from '../support/doc-examples.ts';
import { paygate } from '../support/paygate.ts';

interface Example {
  readonly page: string;
  /** Without its comment. */
  readonly line: string;
}

/** Lines of shell blocks, and of blocks that say nothing of a language: some list commands. */
const EXAMPLES: readonly Example[] = DOC_BLOCKS.filter(({ language }) =>
  ['sh', ''].includes(language),
).flatMap((block) =>
  linesOf(block).map((line) => ({
    page: block.page,
    line: line.replace(/\s+#.*$|\s{3,}.*$/, '').trim(),
  })),
);

const wordsAfter = (program: RegExp): readonly (Example & { readonly words: readonly string[] })[] =>
  EXAMPLES.flatMap(({ page, line }) => {
    const words = program.exec(line)?.[1];
    return words === undefined
      ? []
      : [
          {
            page,
            line,
            words: words
              .replace(/["')].*$|\s(?:[>&|;]|2>).*$/, '')
              .trim()
              .split(/\s+/),
          },
        ];
  });

const { scripts } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  readonly scripts: Readonly<Record<string, string>>;
};

it.each(wordsAfter(/\bnpm ((?:run|start|test).*)$/))('$page: $line', ({ words }) => {
  const [name = '', script = ''] = words;
  expect(Object.keys(scripts)).toContain(name === 'run' ? script : name);
});

/** Help of the longest command that the words begin with. */
async function helpOf(words: readonly string[]): Promise<string> {
  const firstOther = words.findIndex((word) => !/^[a-z-]+$/.test(word) || word.startsWith('-'));
  let path = words.slice(0, firstOther === -1 ? words.length : firstOther);
  for (; path.length > 0; path = path.slice(0, -1)) {
    const { exitCode, stdout } = await paygate([...path, '--help'], {});
    if (exitCode === 0 && stdout.includes(`Usage: paygate ${path.join(' ')}`)) return stdout;
  }
  throw new Error(`no command: ${words.join(' ')}`);
}

/** As a program, not as the name of a namespace, a vhost or a database. */
const PAYGATE = /(?:^|^(?:[A-Z_]+=\S* )+|npx |exec \S+ |-- |\$\()paygate (.*)$/;

/** An action of an account is a program behind its id. */
const ANY_ID = '7b0c5f5e-35a5-4d7c-9a63-5a4ad2b1a0c1';

/** Groups of commands that do something by themselves. */
const SPEAKING_GROUPS: readonly string[] = ['cluster'];

it.each(wordsAfter(PAYGATE))('$page: $line', async ({ words }) => {
  const help = await helpOf(words);
  if (!SPEAKING_GROUPS.includes(words.join(' ')))
    expect(help).not.toMatch(/Usage: paygate [a-z- ]+\[options\] \[command\]/);
  for (const option of words.filter((word) => word.startsWith('--'))) expect(help).toContain(option);
});

it('there are examples', () => {
  expect(wordsAfter(PAYGATE).length).toBeGreaterThan(15);
});

describe('docs/COMMANDS.md', () => {
  const page = readFileSync(new URL('../../docs/COMMANDS.md', import.meta.url), 'utf8');
  /** One a row: the words of the command without what it is given, and the whole row. */
  const rows = [...page.matchAll(/^\| `paygate ([^`]+)` \|.*$/gm)].map(([row, command = '']) => ({
    row,
    words: command.replaceAll(/ <[^>]+>/g, '').split(' '),
  }));

  /** Below `Commands:` and `Actions …:`, where a name stands behind two blanks. */
  function commandsIn(help: string): readonly string[] {
    const [, ...lists] = help.split(/^(?:Commands|Actions).*:$/m);
    return lists
      .flatMap((list) => [...list.matchAll(/^ {2}([a-z-]+)/gm)].map(([, name = '']) => name))
      .filter((name) => name !== 'help');
  }

  const helpText = async (words: readonly string[]): Promise<string> =>
    (await paygate([...words, '--help'], {})).stdout;

  it('has every command, and no other', async () => {
    const all: string[] = [];
    for (const name of commandsIn(await helpText([]))) {
      const inner = commandsIn(await helpText([name]));
      if (inner.length === 0 || ['account', ...SPEAKING_GROUPS].includes(name)) all.push(name);
      all.push(...inner.map((action) => `${name} ${action}`));
    }
    expect(all.length).toBeGreaterThan(40);
    expect(rows.map(({ words }) => words.join(' ')).toSorted()).toEqual(all.toSorted());
  });

  it.each(rows.filter(({ row }) => row.includes('`--')))(
    'options are there: $row',
    async ({ row, words }) => {
      const [first = '', ...rest] = words;
      const anyAccount = first === 'account' && rest.length > 0 ? [ANY_ID] : [];
      const help = await helpText([first, ...anyAccount, ...rest]);
      for (const [, option = ''] of row.matchAll(/`(--[a-z-]+)/g)) expect(help).toContain(option);
    },
  );
});
