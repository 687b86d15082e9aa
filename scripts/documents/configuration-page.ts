import { code, table } from './markdown.ts';
import { settingSections } from './settings.ts';
import type { Section, Setting } from './settings.ts';

/** docs/CONFIGURATION.md. */

function defaultOf({ defaultValue, byDefault }: Setting): string {
  if (defaultValue !== null) return code(defaultValue);
  return byDefault ?? 'none';
}

function section({ title, intro, settings }: Section): string {
  const rows = settings.map((setting) => [
    code(setting.variable),
    setting.kind,
    setting.unit ?? '',
    defaultOf(setting),
    setting.text,
  ]);
  const head = ['variable', 'takes', 'unit', 'default', 'meaning'];
  return [`## ${title}`, intro, table(head, rows)].filter((part) => part !== null).join('\n\n');
}

export function configurationPage(): string {
  return `<!-- Made by \`npm run contract\` from src/config.ts and src/config/. Not to be edited by hand. -->

# Configuration

Every setting, from the environment or from \`.env\` in the working directory (the environment goes first; an empty value counts as absent).
[.env.example](../.env.example) has all of them with their defaults. One that cannot be used is named, with what it should be, and
nothing starts: exit code 2. Give every node of a cluster the same settings, except \`NODE_ID\` and its addresses.

A time is a number and a unit, \`500ms\`, \`30s\`, \`15m\`, \`24h\`, \`7d\`, or a bare number of milliseconds.

${settingSections().map(section).join('\n\n')}

## Other programs

\`npm start\` and \`npm test\` read none of the three URLs. They use servers of yours only if \`PAYGATE_DEMO_DATABASE_URL\`,
\`PAYGATE_DEMO_RABBITMQ_URL\`, \`PAYGATE_DEMO_REDIS_URL\` (or \`PAYGATE_TEST_…\`) name them, and only if those are empty.
\`INSPECT=1 npm start\` shows three of its accounts in the XState inspector.
`;
}
