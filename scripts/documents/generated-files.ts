import { MESSAGE_SCHEMAS, schemaText } from '../../src/contracts/json-schemas.ts';
import { asyncApiDocument } from './asyncapi.ts';
import { configurationPage } from './configuration-page.ts';
import { contractPage } from './contract-page.ts';
import { envExample } from './env-example.ts';

/** Every file that is made from the source: path from the root of the repository → its text. */
export function generatedFiles(): ReadonlyMap<string, string> {
  const schemas = Object.entries(MESSAGE_SCHEMAS).map(
    ([name, message]) => [`contract/${name}.schema.json`, `${schemaText(message)}\n`] as const,
  );
  return new Map([
    ...schemas,
    ['contract/asyncapi.json', `${JSON.stringify(asyncApiDocument(), null, 2)}\n`],
    ['docs/CONTRACT.md', contractPage()],
    ['docs/CONFIGURATION.md', configurationPage()],
    ['.env.example', envExample()],
  ]);
}
