/**
 * Without this: a page of the documentation has a shell line that ends with an error. All of them are run: those of the README's walk from
 * the packed tarball (package.test.ts), the rest here, on one node. What is not run has a reason in `NOT_RUN`.
 */
import { chmodSync, cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { DOC_BLOCKS, linesOf } from '../support/doc-examples.ts';
import { MAIN } from '../support/paygate.ts';
import { eventually, freshRedis, freshVhost, withDatabase } from '../support/services.ts';
import { Terminal } from '../support/terminal.ts';
import { WebhookReceiver } from '../support/webhook-receiver.ts';

const RULES = fileURLToPath(new URL('../../docs/rules.example.json', import.meta.url));

interface Line {
  readonly page: string;
  readonly heading: string;
  readonly line: string;
}

const lines: readonly Line[] = DOC_BLOCKS.filter(({ language }) => language === 'sh').flatMap((block) =>
  linesOf(block).map((line) => ({ page: block.page, heading: block.heading, line })),
);

/** What is not run here, and why. */
const NOT_RUN: readonly { readonly what: (line: Line) => boolean; readonly why: string }[] = [
  { what: ({ heading }) => heading === 'A walk through it', why: 'package.test.ts runs it' },
  {
    what: ({ line }) => /^(npm start|npx paygate demo)\b/.test(line),
    why: 'demo.test.ts runs what is behind it',
  },
  { what: ({ line }) => /^npm test\b/.test(line), why: 'it is what runs this' },
  {
    what: ({ page }) => page === 'docs/SECURITY.md',
    why: 'for users of a whole server: least-privilege.test.ts runs them under names of its own',
  },
  {
    what: ({ page }) => page === 'docs/SWITCHING.md',
    why: 'for an installation of the old processor: switching.test.ts and shadow.test.ts have one',
  },
  { what: ({ line }) => /^docker\b/.test(line), why: 'wants an engine: .github/workflows/verify.yml' },
  {
    what: ({ line }) => /^kubectl\b/.test(line),
    why: 'wants a cluster; kubernetes.test.ts checks the manifests',
  },
];

const toRun = lines.filter((line) => !NOT_RUN.some(({ what }) => what(line)));
/** The key comes before the node that needs it, the node before what needs a node. */
const STAGES = [/^export /, /paygate node\b/, /./];
const stageOf = ({ line }: Line): number => STAGES.findIndex((stage) => stage.test(line));
const inOrder = toRun.toSorted((a, b) => stageOf(a) - stageOf(b));

let directory: string;
let receiver: WebhookReceiver;
let terminal: Terminal;
const drops: (() => Promise<unknown>)[] = [];

/** As if they were installed: what npm does with a package's own bin is tested with the package. */
function installPrograms(): string {
  const programs = {
    paygate: `exec '${process.execPath}' '${MAIN}' "$@"`,
    npx: `test "$1" = paygate && shift && exec paygate "$@"`,
  };
  for (const [name, text] of Object.entries(programs)) {
    writeFileSync(join(directory, name), `#!/bin/sh\n${text}\n`);
    chmodSync(join(directory, name), 0o755);
  }
  return directory;
}

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'paygate-docs-'));
  cpSync(RULES, join(directory, 'rules.json'));
  const [database, vhost, redis] = await Promise.all([withDatabase(), freshVhost(), freshRedis()]);
  receiver = await WebhookReceiver.listen();
  drops.push(
    () => database.drop(),
    () => vhost.drop(),
    () => redis.drop(),
    () => receiver.close(),
  );
  terminal = new Terminal(directory, {
    ...{ PATH: `${installPrograms()}:${process.env['PATH'] ?? ''}`, HOME: directory, NO_COLOR: '1' },
    ...{ DATABASE_URL: database.url, RABBITMQ_URL: vhost.url, REDIS_URL: redis.url },
    ...{ HTTP_PORT: '0', WEBHOOK_ALLOW: 'http,loopback', USER: 'reader' },
  });
});

afterAll(async () => {
  await terminal.close();
  for (const drop of drops) await drop();
  rmSync(directory, { recursive: true, force: true });
});

it('every reason not to run a line is still needed', () => {
  for (const { what, why } of NOT_RUN) expect(lines.some(what), why).toBe(true);
  expect(toRun.length).toBeGreaterThan(7);
});

it.each(inOrder)('$page: $line', async ({ line }) => {
  // Nobody has a shop there.
  const ours = line.replace('https://shop.example/hooks', receiver.url());
  const command = ours.replace(/\s+#.*$/, '');
  const isEndless = /paygate node\b/.test(line);
  const { exitCode, output } = await terminal.run(isEndless ? `${command} > node.log 2>&1 &` : command);
  expect(exitCode, output).toBe(0);
});

it('what the lines were to do was done', async () => {
  expect(receiver.posted.map(({ body }) => (JSON.parse(body) as { type: string }).type)).toContain(
    'webhook.test',
  );
  await eventually(async () => {
    const { output } = await terminal.run('paygate verify');
    expect(output).toContain('The ledger is right');
    expect(output).toMatch(/decisions +[1-9]/);
  });
  const rules = await terminal.run('paygate rules show --version 1 --json');
  expect(rules.exitCode, rules.output).toBe(0);
});
