/** Without this: consumers generate their code from a schema that is not what is published. */
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { MESSAGE_SCHEMAS, schemaText } from '../../../src/contracts/json-schemas.ts';
import { EVENT_SCHEMAS, EVENT_TYPES, eventSchema } from '../../../src/contracts/events.ts';

it('contract/events.schema.json is what `paygate events schema` prints', () => {
  const file = new URL('../../../contract/events.schema.json', import.meta.url);
  expect(readFileSync(file, 'utf8')).toBe(`${schemaText(MESSAGE_SCHEMAS.events)}\n`);
});

it('every type is in the union under its own name, and takes what later versions add', () => {
  expect(eventSchema.options.map((option) => option.shape.type.value)).toEqual(EVENT_TYPES);
  for (const type of EVENT_TYPES) expect(EVENT_SCHEMAS[type].shape.type.value).toBe(type);
  const event = {
    type: 'balance.updated',
    id: '11111111-1111-8111-8111-111111111111',
    schema_version: 1,
    time: '2026-11-22T10:40:01.000000Z',
    account_id: '11111111-1111-4111-8111-111111111111',
    seq: 1,
    balance_cents: -5,
  };
  expect(eventSchema.parse({ ...event, later: 'x' })).toEqual(event);
});
