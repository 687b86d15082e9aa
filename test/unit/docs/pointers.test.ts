/**
 * Without this: docs/PROTOCOL.md and the fault matrix of docs/RELIABILITY.md go on pointing at code and tests that were
 * renamed or removed, and nobody notices until somebody relies on them.
 */
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const DOCS = new URL('../../../docs/', import.meta.url);

interface Pointer {
  /** As written. */
  readonly path: string;
  readonly file: string;
  /** What has to stand in the file; null: the file itself is meant. */
  readonly text: string | null;
}

function readDoc(name: string): string {
  return readFileSync(new URL(name, DOCS), 'utf8');
}

function pointer(path: string, text: string | null): Pointer {
  return { path, file: fileURLToPath(new URL(path, DOCS)), text };
}

/** Links whose text is code, and the form: `name` in [`file`](path). */
function pointersOf(markdown: string): readonly Pointer[] {
  const links = [...markdown.matchAll(/\[`([^`]+)`\]\((\.\.\/[^)]+)\)/g)].map(([, text = '', path = '']) =>
    pointer(path, /^\w+$/.test(text) ? text : null),
  );
  const names = [...markdown.matchAll(/`(\w+)` in\s+\[`[^`]+`\]\((\.\.\/[^)]+)\)/g)];
  return [...links, ...names.map(([, text = '', path = '']) => pointer(path, text))];
}

/** Rows of the table under the heading: its last cell names a test file, and a test in it. */
function testsOf(markdown: string, heading: string): readonly Pointer[] {
  const [, section = ''] = markdown.split(`## ${heading}\n`);
  const [body = ''] = section.split('\n## ');
  return body
    .split('\n')
    .filter((line) => line.includes('](../test/'))
    .flatMap((line) =>
      [...line.matchAll(/\[([^\]]+)\]\((\.\.\/test\/[^)]+)\)/g)].map(([, title = '', path = '']) =>
        pointer(path, title),
      ),
    );
}

function missing({ file, text, path }: Pointer): string | null {
  if (!existsSync(file)) return `${path} does not exist`;
  if (text === null) return null;
  return hasText(readFileSync(file, 'utf8'), text) ? null : `${path} has no "${text}"`;
}

/** A word of code as a word; a title wherever it stands. */
function hasText(content: string, text: string): boolean {
  return /^\w+$/.test(text) ? new RegExp(`\\b${text}\\b`).test(content) : content.includes(text);
}

describe('docs/PROTOCOL.md', () => {
  const pointers = pointersOf(readDoc('PROTOCOL.md'));

  it('points to code that is there', () => {
    expect(pointers.length).toBeGreaterThan(60);
    expect(pointers.flatMap((one) => missing(one) ?? [])).toEqual([]);
  });

  it('points to code from every step', () => {
    const steps = readDoc('PROTOCOL.md').match(/^\d+\. .*(?:\n {3}.*)*/gm) ?? [];
    expect(steps.length).toBeGreaterThan(25);
    expect(steps.filter((step) => !step.includes('](../'))).toEqual([]);
  });
});

describe('the fault matrix of docs/RELIABILITY.md', () => {
  it('names tests that are there', () => {
    const tests = testsOf(readDoc('RELIABILITY.md'), 'Fault × promise × test');
    expect(tests.length).toBeGreaterThan(20);
    expect(tests.flatMap((one) => missing(one) ?? [])).toEqual([]);
  });
});
