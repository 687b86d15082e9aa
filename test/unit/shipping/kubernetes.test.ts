/**
 * Without this: a manifest that only the cluster refuses, a field that is misspelt and so not heard, a node that is killed while it
 * drains, probes of paths that nobody serves, a policy that cuts nodes off, a password in a file.
 */
import { readdirSync } from 'node:fs';
import { Deployment } from 'kubernetes-models/apps/v1/Deployment';
import { HorizontalPodAutoscaler } from 'kubernetes-models/autoscaling/v2/HorizontalPodAutoscaler';
import { CronJob } from 'kubernetes-models/batch/v1/CronJob';
import { Job } from 'kubernetes-models/batch/v1/Job';
import { NetworkPolicy } from 'kubernetes-models/networking.k8s.io/v1/NetworkPolicy';
import { PodDisruptionBudget } from 'kubernetes-models/policy/v1/PodDisruptionBudget';
import { ConfigMap } from 'kubernetes-models/v1/ConfigMap';
import { Namespace } from 'kubernetes-models/v1/Namespace';
import { Service } from 'kubernetes-models/v1/Service';
import { ServiceAccount } from 'kubernetes-models/v1/ServiceAccount';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { loadConfig, SETTING_NAMES } from '../../../src/config.ts';
import { HTTP_TLS_VARIABLES } from '../../../src/config/http-tls.ts';
import { LIMITS } from '../../../src/limits.ts';
import { packageVersion, projectPath, projectText, yamlDocuments } from './project-yaml.ts';
import { watchReads } from './unread-fields.ts';

const FOLDER = 'ops/kubernetes';
const MODELS = [
  ConfigMap,
  CronJob,
  Deployment,
  HorizontalPodAutoscaler,
  Job,
  Namespace,
  NetworkPolicy,
  PodDisruptionBudget,
  Service,
  ServiceAccount,
];

const kustomization = z
  .object({
    namespace: z.string(),
    resources: z.array(z.string()),
    images: z.array(z.object({ name: z.string(), newTag: z.string() })),
  })
  .parse(yamlDocuments(projectText(`${FOLDER}/kustomization.yaml`))[0]);

/** Of which a kustomization takes what it wants, in this order. */
const COMPONENTS = ['admin-tls', 'admin-client-certificates'];

const labels = z.record(z.string(), z.string());
const manifest = z.looseObject({
  apiVersion: z.string(),
  kind: z.string(),
  metadata: z.object({ name: z.string(), namespace: z.string().optional(), labels: labels.optional() }),
});
type Manifest = z.infer<typeof manifest>;

const manifestsOf = (file: string): readonly Manifest[] =>
  yamlDocuments(projectText(`${FOLDER}/${file}`)).map((document) => manifest.parse(document));

const manifests = kustomization.resources.flatMap(manifestsOf);
const named = manifests.map((one) => [`${one.kind} ${one.metadata.name}`, one] as const);

interface Checkable {
  readonly validate: () => void;
}

/** What the schema says against it, and the fields that it does not know. */
function findings(document: Manifest): readonly string[] {
  const model = MODELS.find(
    ({ apiVersion, kind }) => apiVersion === document.apiVersion && kind === document.kind,
  );
  if (model === undefined) return [`nobody knows ${document.apiVersion} ${document.kind}`];
  const prototype = model.prototype as object;
  const instance = Object.assign(Object.create(prototype) as Checkable, document);
  const { document: watched, unread } = watchReads(instance);
  try {
    watched.validate();
  } catch (error) {
    return [String(error)];
  }
  return unread().map((path) => `${path} is no field of ${document.kind}`);
}

const container = z.object({
  image: z.string(),
  args: z.array(z.string()),
  env: z.array(z.looseObject({ name: z.string(), value: z.string().optional() })).default([]),
  envFrom: z.array(z.looseObject({})).default([]),
  ports: z.array(z.object({ name: z.string(), containerPort: z.number() })).default([]),
  securityContext: z.looseObject({}),
  resources: z.object({
    limits: z.object({ memory: z.string() }),
    requests: z.looseObject({ memory: z.string() }),
  }),
});
const pod = z.object({
  metadata: z.object({ labels }),
  spec: z.object({
    containers: z.tuple([container]),
    securityContext: z.looseObject({ runAsNonRoot: z.literal(true) }),
    terminationGracePeriodSeconds: z.number().optional(),
  }),
});

/** Whom a policy means; without a namespace: of its own. */
const selector = z.object({ matchLabels: labels.optional() });
const peerRule = z.object({ podSelector: selector.optional(), namespaceSelector: selector.optional() });
const rulesOf = z.array(
  z.object({
    from: z.array(peerRule).optional(),
    to: z.array(peerRule).optional(),
    ports: z.array(z.object({ port: z.union([z.number(), z.string()]) })),
  }),
);
const networkPolicy = z.object({ spec: z.object({ ingress: rulesOf, egress: rulesOf }) });

const only = (kind: string): Manifest => {
  const [found, ...others] = manifests.filter((one) => one.kind === kind);
  if (found === undefined || others.length > 0) throw new Error(`not exactly one ${kind}`);
  return found;
};

const deployment = z
  .object({
    spec: z.object({
      replicas: z.number().optional(),
      selector: z.object({ matchLabels: labels }),
      template: pod,
    }),
  })
  .parse(only('Deployment')).spec;
const [nodeContainer] = deployment.template.spec.containers;
const settings = z.object({ data: labels }).parse(only('ConfigMap')).data;

/** Of every kind that has one. */
const pods = manifests.flatMap((one) => {
  const direct = z.object({ spec: z.object({ template: pod }) }).safeParse(one);
  const scheduled = z
    .object({ spec: z.object({ jobTemplate: z.object({ spec: z.object({ template: pod }) }) }) })
    .safeParse(one);
  if (direct.success) return [direct.data.spec.template];
  return scheduled.success ? [scheduled.data.spec.jobTemplate.spec.template] : [];
});

describe('the manifests', () => {
  it('are all in the kustomization, but for what it says is not part of it', () => {
    const files = readdirSync(projectPath(FOLDER)).filter((file) => !kustomization.resources.includes(file));
    expect(files.sort()).toEqual([...COMPONENTS, 'kustomization.yaml', 'prometheus-adapter.yaml'].sort());
    expect(pods).toHaveLength(3);
  });

  it.each(named)('%s is what its schema says, with no field that it does not know', (_name, document) => {
    expect(findings(document)).toEqual([]);
  });

  it('would be found out: a field that is misspelt, one that is missing, one of the wrong kind', () => {
    const budget = manifestsOf('disruption.yaml')[0];
    if (budget === undefined) throw new Error('there is no disruption budget');
    const spec = budget['spec'] as object;
    expect(findings({ ...budget, spec: { ...spec, maxUnavailabel: 1 } })).toEqual([
      'spec.maxUnavailabel is no field of PodDisruptionBudget',
    ]);
    expect(findings({ ...budget, spec: { ...spec, maxUnavailable: true } })).toHaveLength(1);
    const [network] = manifestsOf('network.yaml');
    expect(network && findings({ ...network, spec: { policyTypes: 'Ingress' } })).toHaveLength(1);
  });

  it('are in one namespace and of this version', () => {
    for (const { kind, metadata } of manifests) {
      if (kind !== 'Namespace') expect(metadata.namespace).toBe(kustomization.namespace);
    }
    expect(only('Namespace').metadata.name).toBe(kustomization.namespace);
    expect(kustomization.images).toEqual([{ name: 'paygate-processor', newTag: packageVersion }]);
    for (const { spec } of pods) expect(spec.containers[0].image).toBe(`paygate-processor:${packageVersion}`);
    // Pods and their host names are called after it: no dots.
    expect(only('Job').metadata.name).toBe(`paygate-migrate-${packageVersion.replaceAll('.', '-')}`);
  });

  it('hold no password and no token', () => {
    for (const file of readdirSync(projectPath(FOLDER), { recursive: true, encoding: 'utf8' }).filter(
      (name) => name.endsWith('.yaml'),
    ))
      expect(projectText(`${FOLDER}/${file}`)).not.toMatch(/kind: Secret\b|:\/\/[^$\s]*:[^$\s]*@/);
    for (const secret of ['DATABASE_URL', 'RABBITMQ_URL', 'REDIS_URL', 'CONSOLE_TOKEN', 'WEBHOOK_KEY'])
      expect(Object.keys(settings)).not.toContain(secret);
  });

  it('let a container write nowhere and do nothing that only root may, within limits of memory', () => {
    for (const { spec } of pods) {
      expect(spec.containers[0].securityContext).toEqual({
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ['ALL'] },
      });
    }
  });
});

describe('the nodes', () => {
  const environment = {
    ...settings,
    ...Object.fromEntries(nodeContainer.env.map(({ name, value }) => [name, value ?? 'x'])),
    HTTP_ADVERTISED_URL: 'http://10.0.0.1:9464',
  };

  it('have settings that exist and are usable', () => {
    for (const name of Object.keys(settings)) expect(SETTING_NAMES).toContain(name);
    for (const { name } of nodeContainer.env) {
      if (name !== 'POD_IP') expect(SETTING_NAMES).toContain(name);
    }
    const { httpHost, httpPort } = loadConfig(environment);
    expect(httpHost).toBe('0.0.0.0');
    expect(nodeContainer.ports).toEqual([{ name: 'admin', containerPort: httpPort }]);
    expect(nodeContainer.env.at(-1)).toMatchObject({ value: `http://$(POD_IP):${String(httpPort)}` });
  });

  it('get the time to drain and to close before they are killed', () => {
    const graceMs = (deployment.template.spec.terminationGracePeriodSeconds ?? 0) * 1_000;
    expect(nodeContainer).not.toHaveProperty('lifecycle.preStop.exec');
    const preStopMs = 2_000;
    const { drainTimeoutMs } = loadConfig(environment);
    expect(graceMs).toBeGreaterThan(preStopMs + drainTimeoutMs + 2 * LIMITS.closeTimeoutMs);
  });

  it('are what service, budget, autoscaler and policy mean', () => {
    const meant = expect.objectContaining(deployment.selector.matchLabels) as unknown;
    expect(deployment.template.metadata.labels).toEqual(meant);
    expect(only('Service')).toMatchObject({ spec: { selector: deployment.selector.matchLabels } });
    expect(only('PodDisruptionBudget')).toMatchObject({ spec: { selector: deployment.selector } });
    // Else every `apply` would undo what the autoscaler did.
    expect(deployment.replicas).toBeUndefined();
    expect(only('HorizontalPodAutoscaler')).toMatchObject({
      spec: { scaleTargetRef: { kind: 'Deployment', name: only('Deployment').metadata.name } },
    });
    // The jobs reach the same servers.
    const all = { 'app.kubernetes.io/name': 'paygate' };
    expect(only('NetworkPolicy')).toMatchObject({ spec: { podSelector: { matchLabels: all } } });
    for (const { metadata } of pods) expect(metadata.labels).toMatchObject(all);
  });

  it('reach each other at the admin port: the steps of an account come from the node that owns it', () => {
    const { ingress, egress } = networkPolicy.parse(only('NetworkPolicy')).spec;
    const [port] = nodeContainer.ports;
    const isNode = (peer: z.infer<typeof peerRule>): boolean =>
      peer.podSelector !== undefined &&
      peer.namespaceSelector === undefined &&
      Object.entries(peer.podSelector.matchLabels ?? {}).every(
        ([label, value]) => deployment.template.metadata.labels[label] === value,
      );
    const isAdmin = (rule: z.infer<typeof rulesOf>[number]): boolean =>
      rule.ports.some((one) => one.port === port?.containerPort || one.port === port?.name);
    expect(ingress.filter((rule) => isAdmin(rule) && rule.from?.some(isNode) === true)).toHaveLength(1);
    expect(egress.filter((rule) => isAdmin(rule) && rule.to?.some(isNode) === true)).toHaveLength(1);
  });

  it('are counted by a metric that the adapter makes of one that nodes have', () => {
    const adapter = projectText(`${FOLDER}/prometheus-adapter.yaml`);
    const [rules] = yamlDocuments(adapter);
    expect(only('HorizontalPodAutoscaler')).toMatchObject({
      spec: { metrics: [{ type: 'External', external: { metric: { name: 'paygate_queue_messages' } } }] },
    });
    expect(rules).toMatchObject({ rules: { external: [{ name: { as: 'paygate_queue_messages' } }] } });
    expect(adapter).toContain('paygate_queue_depth');
    expect(projectText('src/infra/metrics.ts')).toContain("'paygate_queue_depth'");
  });
});

/** As Kubernetes merges a patch: what has a name by its name, what is named first, null takes away. */
function patched(base: unknown, patch: unknown): unknown {
  if (Array.isArray(patch)) {
    const named = (list: readonly unknown[], name: unknown): unknown =>
      list.find((one) => (one as { name?: unknown }).name === name);
    const others = (Array.isArray(base) ? (base as readonly unknown[]) : []).filter(
      (one) => named(patch, (one as { name?: unknown }).name) === undefined,
    );
    const merged = patch.map((one: unknown) =>
      patched(named(Array.isArray(base) ? base : [], (one as { name?: unknown }).name), one),
    );
    return typeof patch[0] === 'object' ? [...merged, ...others] : patch;
  }
  if (typeof patch !== 'object' || patch === null) return patch;
  const merged = Object.entries({ ...(base as object | undefined), ...patch })
    .filter(([name]) => (patch as Record<string, unknown>)[name] !== null)
    .map(([name, value]) => [
      name,
      name in patch ? patched((base as Record<string, unknown> | undefined)?.[name], value) : value,
    ]);
  return Object.fromEntries(merged);
}

describe('with TLS at the admin port', () => {
  const patchOf = (component: string): unknown =>
    yamlDocuments(projectText(`${FOLDER}/${component}/nodes.yaml`))[0];
  const withComponents = (count: number): Manifest =>
    manifest.parse(COMPONENTS.slice(0, count).map(patchOf).reduce(patched, only('Deployment')));
  const probes = z.object({
    startupProbe: z.looseObject({}),
    livenessProbe: z.looseObject({}),
    readinessProbe: z.looseObject({}),
  });
  const nodeOf = (document: Manifest) => {
    const [first] = z
      .object({
        spec: z.object({ template: z.object({ spec: z.object({ containers: z.array(z.unknown()) }) }) }),
      })
      .parse(document).spec.template.spec.containers;
    return { ...container.parse(first), probes: probes.parse(first) };
  };

  it.each([1, 2])('%d of the components leave a deployment that its schema knows', (count) => {
    expect(findings(withComponents(count))).toEqual([]);
  });

  it('the probes speak TLS, and where everybody has to show a certificate the node asks itself', () => {
    for (const probe of Object.values(nodeOf(withComponents(1)).probes))
      expect(probe).toMatchObject({ httpGet: { scheme: 'HTTPS', port: 'admin' } });
    for (const probe of Object.values(nodeOf(withComponents(2)).probes)) {
      expect(probe).not.toHaveProperty('httpGet');
      expect(probe).toMatchObject({
        exec: { command: expect.arrayContaining(['paygate', 'health']) as unknown },
      });
    }
  });

  it('settings exist, and an address is made of one that stands before it', () => {
    const { env } = nodeOf(withComponents(2));
    const names = env.map(({ name }) => name);
    const known = [...SETTING_NAMES, ...HTTP_TLS_VARIABLES, 'POD_IP'];
    for (const name of names) expect(known).toContain(name);
    expect(names.indexOf('POD_IP')).toBeLessThan(names.indexOf('HTTP_ADVERTISED_URL'));
    expect(env.find(({ name }) => name === 'HTTP_ADVERTISED_URL')?.value).toMatch(/^https:/);
  });
});
