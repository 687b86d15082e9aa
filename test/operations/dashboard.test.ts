/**
 * Without this: a dashboard that Grafana does not take, or panels that stay empty because a metric or a label has another name.
 *
 * Grafana's own schema is not to be had as a package: what is used of it is described here.
 */
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import getPort from 'get-port';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { z } from 'zod';
import { publish, send } from '../integration/node-scene.ts';
import { eventually } from '../support/eventually.ts';
import { prometheusPrograms } from '../support/prometheus-programs.ts';
import { openScene, projectFile } from './scene.ts';
import type { Scene } from './scene.ts';

const SOURCE = z.object({ type: z.literal('prometheus'), uid: z.literal('${datasource}') });
const GRID = z.object({
  h: z.int().min(1),
  w: z.int().min(1).max(24),
  x: z.int().min(0).max(23),
  y: z.int().min(0),
});
const TARGET = z.object({
  refId: z.string().regex(/^[A-Z]$/),
  expr: z.string().min(1),
  legendFormat: z.string(),
  datasource: SOURCE,
});
const ROW = z.object({
  type: z.literal('row'),
  id: z.int(),
  title: z.string().min(1),
  gridPos: GRID,
  collapsed: z.literal(false),
  panels: z.array(z.never()),
});
const PANEL = z.object({
  type: z.enum(['timeseries', 'stat']),
  id: z.int(),
  title: z.string().min(1),
  description: z.string().min(1),
  datasource: SOURCE,
  gridPos: GRID,
  fieldConfig: z.object({ defaults: z.object({ unit: z.string() }), overrides: z.array(z.never()) }),
  options: z.record(z.string(), z.unknown()),
  targets: z.array(TARGET).min(1),
});
const DASHBOARD = z.object({
  uid: z.string().max(40),
  title: z.string().min(1),
  schemaVersion: z.int().min(36),
  panels: z.array(z.discriminatedUnion('type', [ROW, PANEL])),
  templating: z.object({
    list: z.array(z.object({ name: z.string(), type: z.enum(['datasource', 'query']) })),
  }),
  time: z.object({ from: z.string(), to: z.string() }),
  refresh: z.string(),
});

const dashboard = DASHBOARD.parse(JSON.parse(readFileSync(projectFile('ops/dashboard.json'), 'utf8')));
const queries = dashboard.panels.flatMap((panel) =>
  panel.type === 'row' ? [] : panel.targets.map(({ expr, refId }) => ({ panel: panel.title, refId, expr })),
);

/** These have a series only after something went wrong, after an audit, or with a webhook. */
const NEEDS_A_FAULT = [
  /paygate_commit_failures_total/,
  /paygate_audit_failed/,
  /paygate_webhook_deliveries_total/,
];

it('has what Grafana needs: ids and places of their own, variables that are used and there', () => {
  const ids = dashboard.panels.map(({ id }) => id);
  expect(new Set(ids).size).toBe(ids.length);
  const cells = dashboard.panels.flatMap(({ gridPos: { h, w, x, y } }) =>
    Array.from({ length: h * w }, (_, n) => `${x + (n % w)}/${y + Math.floor(n / w)}`),
  );
  expect(new Set(cells).size).toBe(cells.length);
  for (const { gridPos } of dashboard.panels) expect(gridPos.x + gridPos.w).toBeLessThanOrEqual(24);
  expect(dashboard.templating.list.map(({ name }) => name)).toEqual(['datasource', 'instance']);
  for (const { expr } of queries)
    for (const [, name] of expr.matchAll(/\$(\w+)/g)) expect(['instance', '__rate_interval']).toContain(name);
});

let scene: Scene;
let directory: string;
let prometheus: { readonly url: string; stop(): Promise<void> };

beforeAll(async () => {
  scene = await openScene();
  directory = await mkdtemp(join(tmpdir(), 'paygate-prometheus-'));
  const nodes = [await scene.start({ NODE_ID: 'a' }), await scene.start({ NODE_ID: 'b' })];
  prometheus = await startPrometheus(
    directory,
    nodes.map(({ address }) => new URL(address).host),
  );
});

afterAll(async () => {
  await prometheus.stop();
  await scene.drop();
  await rm(directory, { recursive: true, force: true });
});

async function startPrometheus(place: string, targets: readonly string[]) {
  const port = await getPort({ host: '127.0.0.1' });
  const config = {
    global: { scrape_interval: '1s', evaluation_interval: '1s' },
    rule_files: [projectFile('ops/alerts.yml')],
    scrape_configs: [{ job_name: 'paygate', static_configs: [{ targets }] }],
  };
  await writeFile(join(place, 'prometheus.yml'), JSON.stringify(config));
  const child = execa(
    prometheusPrograms().prometheus,
    [
      `--config.file=${join(place, 'prometheus.yml')}`,
      `--storage.tsdb.path=${join(place, 'data')}`,
      `--web.listen-address=127.0.0.1:${port}`,
    ],
    { all: true, reject: false },
  );
  const url = `http://127.0.0.1:${port}`;
  await eventually(async () => expect((await fetch(`${url}/-/ready`)).status).toBe(200));
  return {
    url,
    stop: async () => {
      child.kill('SIGTERM');
      await child;
    },
  };
}

const ANSWER = z.object({
  status: z.literal('success'),
  data: z.object({ result: z.array(z.object({ value: z.tuple([z.number(), z.string()]) })) }),
});

/** Values of the series a query gives; of a query that Prometheus refuses it throws. */
async function valuesOf(expr: string): Promise<readonly number[]> {
  const query = expr.replaceAll('$instance', '.*').replaceAll('$__rate_interval', '2m');
  const response = await fetch(`${prometheus.url}/api/v1/query?${new URLSearchParams({ query }).toString()}`);
  const { data } = ANSWER.parse(await response.json());
  return data.result.map(({ value }) => Number(value[1]));
}

/** Deferred: the Go API commits the row before it publishes. */
function messageWithoutRow(accountId: string): string {
  const none = { String: '', Valid: false };
  return JSON.stringify({
    id: randomUUID(),
    account_id: accountId,
    card_id: none,
    refund_transaction_id: none,
    amount_cents: 100,
    status: 'PENDING',
    type: 'DEPOSIT',
    idempotency_key: randomUUID(),
    created_at: '2026-11-22T10:40:00Z',
  });
}

it('no alert fires of two nodes that are well', async () => {
  const RULES = z.object({
    data: z.object({
      groups: z.array(
        z.object({
          rules: z.array(z.object({ name: z.string(), state: z.string(), health: z.string() })),
        }),
      ),
    }),
  });
  await eventually(async () => {
    const response = await fetch(`${prometheus.url}/api/v1/rules`);
    const rules = RULES.parse(await response.json()).data.groups.flatMap((group) => group.rules);
    expect(rules.map(({ health }) => health)).not.toContain('unknown');
    expect(rules.filter(({ health }) => health !== 'ok')).toEqual([]);
    expect(rules.filter(({ state }) => state === 'firing')).toEqual([]);
  });
});

it('every query of every panel finds series in what two nodes tell', async () => {
  const { pool } = scene.database;
  const { rabbitmqUrl } = scene.place;
  const accountId = randomUUID();
  await pool.query(`insert into accounts (id, username) values ($1, 'without row')`, [accountId]);
  await publish(rabbitmqUrl, [{ queue: 'transactions_queue', body: messageWithoutRow(accountId) }]);
  // Again and again: a rate is of what changes between two looks of Prometheus.
  const traffic = { accounts: 100, duplicatesShare: 0.2, documentedShare: 0.2, poisonShare: 0.05 };
  let runs = 0;
  const missing = async (): Promise<readonly string[]> => {
    const found = await Promise.all(
      queries
        .filter(({ expr }) => !NEEDS_A_FAULT.some((fault) => fault.test(expr)))
        .map(async ({ panel, refId, expr }) => {
          const values = await valuesOf(expr);
          return values.length > 0 && values.some(Number.isFinite) ? null : `${panel} ${refId}: ${expr}`;
        }),
    );
    return found.filter((name) => name !== null);
  };
  await eventually(async () => {
    runs += 1;
    await send(pool, rabbitmqUrl, { ...traffic, run: `run-${runs}` }, { transactions: 100 });
    expect(await missing()).toEqual([]);
  });
  // The others must at least be queries.
  for (const { expr } of queries) await valuesOf(expr);
});
