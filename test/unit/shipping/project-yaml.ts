import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseAllDocuments } from 'yaml';

/** A path of the project, from its root. */
export const projectPath = (name: string): string =>
  fileURLToPath(new URL(`../../../${name}`, import.meta.url));

export const projectText = (name: string): string => readFileSync(projectPath(name), 'utf8');

/** Every document of a YAML file, merge keys resolved. Throws at what the parser warns of, such as a key given twice. */
export function yamlDocuments(text: string): readonly unknown[] {
  return [...parseAllDocuments(text, { merge: true, uniqueKeys: true })].map((document) => {
    const [trouble] = [...document.errors, ...document.warnings];
    if (trouble !== undefined) throw trouble;
    return document.toJS() as unknown;
  });
}

export const packageVersion = (JSON.parse(projectText('package.json')) as { readonly version: string })
  .version;
