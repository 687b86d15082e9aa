/**
 * Without this: a workflow that GitHub refuses, or that calls a script which is not there, and nobody notices until a release is due.
 */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type * as WorkflowParser from '@actions/workflow-parser';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { projectPath, projectText, yamlDocuments } from './project-yaml.ts';

const step = z.looseObject({
  uses: z.string().optional(),
  run: z.string().optional(),
  with: z.record(z.string(), z.unknown()).optional(),
});
const workflow = z.object({ jobs: z.record(z.string(), z.object({ steps: z.array(step).optional() })) });

const FOLDER = '.github/workflows';
const files = readdirSync(projectPath(FOLDER));
const { scripts } = JSON.parse(projectText('package.json')) as { readonly scripts: Record<string, string> };

let directory: string;
let parser: typeof WorkflowParser;

/** The parser imports JSON in a way that Node does not take: bundled it does not have to. */
beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'paygate-workflows-'));
  const outfile = join(directory, 'parser.cjs');
  await build({
    stdin: { contents: `export * from '@actions/workflow-parser'`, resolveDir: projectPath('') },
    bundle: true,
    platform: 'node',
    format: 'cjs',
    outfile,
    logLevel: 'error',
  });
  parser = createRequire(import.meta.url)(outfile) as typeof WorkflowParser;
});

afterAll(() => rmSync(directory, { recursive: true }));

/** What GitHub's own parser says against it. */
function complaints(name: string, content: string): readonly string[] {
  const { context } = parser.parseWorkflow({ name, content }, new parser.NoOperationTraceWriter());
  return context.errors.getErrors().map(({ message }) => message);
}

describe.each(files)('%s', (file) => {
  const content = projectText(`${FOLDER}/${file}`);

  it('is what GitHub takes', () => {
    expect(complaints(file, content)).toEqual([]);
  });

  it('calls scripts and files that there are', () => {
    for (const [, script] of content.matchAll(/npm run ([\w:]+)/g))
      expect(scripts).toHaveProperty(script ?? '');
    for (const [, path] of content.matchAll(/(?:sh|bash) ((?:scripts|\.ci)\/[\w./-]+)/g))
      expect(projectText(path ?? '')).not.toBe('');
  });

  it('may write nothing but what a job asks for, and ends by itself', () => {
    expect(content).toMatch(/^permissions:\n {2}contents: read$/m);
    const jobs = content.split(/^jobs:$/m)[1] ?? '';
    const runs = jobs.match(/^ {4}runs-on:/gm)?.length;
    expect(jobs.match(/^ {4}timeout-minutes:/gm)?.length).toBe(runs);
  });
});

it('the example in Go is vetted and built, with the packages that its go.sum names', () => {
  const { jobs } = workflow.parse(yamlDocuments(projectText(`${FOLDER}/verify.yml`))[0]);
  const steps = Object.values(jobs).flatMap((job) => job.steps ?? []);
  const run = steps.find((step) => step['working-directory'] === 'examples/go')?.run;
  expect(run).toMatch(/^go vet \.\/\.\.\.$/m);
  expect(run).toMatch(/^go build /m);
  const setUp = steps.find(({ uses }) => uses?.startsWith('actions/setup-go@'));
  expect(setUp?.with?.['cache-dependency-path']).toBe('examples/go/go.sum');
  for (const [, name] of projectText('examples/go/go.mod').matchAll(/^require (\S+ \S+)$/gm))
    expect(projectText('examples/go/go.sum')).toContain(`${name ?? ''} h1:`);
});

it('a workflow with a misspelt key would be found out', () => {
  const content = projectText(`${FOLDER}/verify.yml`).replace('runs-on:', 'run-on:');
  expect(complaints('verify.yml', content)).not.toEqual([]);
});
