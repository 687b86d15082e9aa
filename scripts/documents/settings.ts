import { z } from 'zod';
import { CONFIG_SCHEMA, VARIABLES } from '../../src/config.ts';
import { describeDuration } from '../../src/domain/duration.ts';
import { SETTING_SECTIONS } from '../../src/config/meanings.ts';
import type { SettingMeaning } from '../../src/config/meanings.ts';
import { SERVER_PORTS } from '../../src/config/server-urls.ts';
import { TLS_VERIFY_TYPE, TLS_VERIFY_VARIABLES } from '../../src/config/tls-settings.ts';
import { TRACING_SCHEMA } from '../../src/config/tracing-settings.ts';

/** One variable of the environment, as the schema and its meaning tell of it. */
export interface Setting {
  readonly variable: string;
  readonly text: string;
  /** What may be written, in the words of the error that anything else gets. */
  readonly kind: string;
  readonly unit: string | null;
  /** As text for the environment; null: there is none, or none that could be written down. */
  readonly defaultValue: string | null;
  readonly byDefault: string | null;
  readonly example: string | null;
}

export interface Section {
  readonly title: string;
  readonly intro: string | null;
  readonly settings: readonly Setting[];
}

/** Schemas by variable. The other parts of URLs, and files, have none: they are text. */
function schemas(): ReadonlyMap<string, z.ZodType> {
  const shape: Readonly<Record<string, z.ZodType>> = CONFIG_SCHEMA.shape;
  const ours = Object.entries(VARIABLES).flatMap(([setting, variable]) => {
    const type = shape[setting];
    return type === undefined ? [] : [[variable, type] as const];
  });
  const verified = TLS_VERIFY_VARIABLES.map((variable) => [variable, TLS_VERIFY_TYPE] as const);
  return new Map<string, z.ZodType>([
    ...ours,
    ...Object.entries(SERVER_PORTS),
    ...verified,
    ...Object.entries<z.ZodType>(TRACING_SCHEMA.shape),
  ]);
}

/** No setting takes this; text does. */
const IMPOSSIBLE = '\u0001';

function kindOf(type: z.ZodType | undefined): string {
  const message = type?.safeParse(IMPOSSIBLE).error?.issues[0]?.message;
  return message === undefined ? 'text' : message.replace(/^expected /, '');
}

const isTime = (kind: string): boolean => kind.startsWith('a time ');

function defaultOf(type: z.ZodType | undefined, kind: string): string | null {
  if (!(type instanceof z.ZodDefault)) return null;
  const value: unknown = type.def.defaultValue;
  if (value instanceof Set) return value.size === 0 ? null : [...value].join(',');
  if (typeof value === 'number') return isTime(kind) ? describeDuration(value) : String(value);
  return typeof value === 'string' ? value : null;
}

function setting(variable: string, meaning: SettingMeaning, type: z.ZodType | undefined): Setting {
  const kind = kindOf(type);
  return {
    variable,
    text: meaning.text,
    kind,
    unit: meaning.unit ?? null,
    defaultValue: defaultOf(type, kind),
    byDefault: meaning.byDefault ?? null,
    example: meaning.example ?? null,
  };
}

/** Throws where a variable of the schema has no meaning. */
export function settingSections(): readonly Section[] {
  const types = schemas();
  const explained = new Set(SETTING_SECTIONS.flatMap(({ settings }) => Object.keys(settings)));
  const silent = [...types.keys()].filter((variable) => !explained.has(variable));
  if (silent.length > 0)
    throw new Error(`src/config/meanings.ts does not say what these mean: ${silent.join(', ')}`);
  return SETTING_SECTIONS.map(({ title, intro, settings }) => ({
    title,
    intro: intro ?? null,
    settings: Object.entries(settings).map(([variable, meaning]) =>
      setting(variable, meaning, types.get(variable)),
    ),
  }));
}
