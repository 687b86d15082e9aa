import { settingSections } from './settings.ts';
import type { Section, Setting } from './settings.ts';

/** `.env.example`: every setting with its default, none of them set. */

const WIDTH = 100;

/** As comment lines of at most `WIDTH` characters. */
function comment(text: string): string {
  const lines = [''];
  for (const word of text.split(/\s+/)) {
    const line = lines.at(-1) ?? '';
    if (line !== '' && line.length + word.length + 3 > WIDTH) lines.push(word);
    else lines[lines.length - 1] = line === '' ? word : `${line} ${word}`;
  }
  return lines.map((line) => `# ${line}`).join('\n');
}

function setting({ variable, text, kind, unit, defaultValue, byDefault, example }: Setting): string {
  const takes =
    kind === 'text' ? '' : ` Takes ${kind}${unit === null || kind.includes(unit) ? '' : ` (${unit})`}.`;
  const otherwise =
    byDefault === null || byDefault === `\`${example ?? ''}\`` ? '' : ` By default: ${byDefault}.`;
  return `${comment(`${text}${takes}${otherwise}`)}\n#${variable}=${defaultValue ?? example ?? ''}`;
}

function section({ title, intro, settings }: Section): string {
  const head = [`# ---- ${title}`, ...(intro === null ? [] : [comment(intro)])].join('\n');
  return [head, ...settings.map(setting)].join('\n\n');
}

export function envExample(): string {
  const head = comment(
    'Made by `npm run contract` from the settings in src/config.ts. Copy it to .env and take the # away from what shall differ. docs/CONFIGURATION.md has the same as tables.',
  );
  return `${[head, ...settingSections().map(section)].join('\n\n')}\n`;
}
