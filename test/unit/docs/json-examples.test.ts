/** Without this: somebody copies a message out of the documentation, and the processor refuses it. */
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { Ajv } from 'ajv';
import { describe, expect, it } from 'vitest';
import { DOC_BLOCKS } from '../../support/doc-examples.ts';

/** Its types are those of a module that is imported in another way. */
const addFormats = createRequire(import.meta.url)('ajv-formats') as (ajv: Ajv) => Ajv;

const examples = DOC_BLOCKS.filter(({ language }) => language === 'json');
const named = examples.map((block) => [block.page, block.note, block.text] as const);

function findings(schema: string, text: string): readonly unknown[] {
  const ajv = new Ajv({ strict: false, allErrors: true });
  addFormats(ajv);
  const file = new URL(`../../../${schema}`, import.meta.url);
  const validate = ajv.compile(JSON.parse(readFileSync(file, 'utf8')) as object);
  return validate(JSON.parse(text)) ? [] : (validate.errors ?? []);
}

describe('a JSON example of the documentation', () => {
  it('says which schema it keeps to', () => {
    expect(examples.length).toBeGreaterThan(1);
    for (const { page, note } of examples)
      expect(existsSync(new URL(`../../../${note}`, import.meta.url)), `${page}: ${note}`).toBe(true);
  });

  it.each(named)('%s: %s', (_page, schema, text) => {
    expect(findings(schema, text)).toEqual([]);
    const [damaged] = Object.keys(JSON.parse(text) as object);
    expect(findings(schema, text.replace(`"${damaged ?? ''}"`, '"misspelt"'))).not.toEqual([]);
  });
});

it('examples/go publishes the fields of the documented shape', () => {
  const read = (name: string): string => readFileSync(new URL(`../../../${name}`, import.meta.url), 'utf8');
  const tags = [...read('examples/go/main.go').matchAll(/`json:"(\w+)"`/g)].map(([, name = '']) => name);
  const { required, properties } = JSON.parse(read('contract/transaction-documented.schema.json')) as {
    readonly required: readonly string[];
    readonly properties: object;
  };
  expect(tags).toEqual(expect.arrayContaining([...required]));
  expect(Object.keys(properties)).toEqual(expect.arrayContaining(tags));
});
