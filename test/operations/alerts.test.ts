/**
 * Without this: alerts that never fire because a name or a label is wrong, or that fire all the time until nobody looks; alerts that say
 * nothing about what to do.
 */
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { ALERT_CASES } from './alert-cases.ts';
import type { AlertCase, Series } from './alert-cases.ts';
import { projectFile, promtool, withFiles } from './scene.ts';

const RULES = projectFile('ops/alerts.yml');
const rules = readFileSync(RULES, 'utf8');
const alerts = [...rules.matchAll(/- alert: (\w+)/g)].map(([, name]) => name);
/** Late: the longest `for` is over, and what it needs before. Early: while a series that changes is at its highest. */
const LATE = '90m';
const EARLY = '20m';
const SAMPLES = 180;

/** `5x60` and the like go on for as long as the test does. */
function stretched(values: string): string {
  return values.replace(/x60$/, `x${SAMPLES}`);
}

function testOf({ alert, labels, severity, summary }: AlertCase, series: Series, isToFire: boolean) {
  const runbook = `docs/OPERATING.md#${alert.toLowerCase()}`;
  const expected = { exp_labels: { severity, ...labels }, exp_annotations: { summary, runbook } };
  return {
    interval: '30s',
    name: `${alert} ${isToFire ? 'fires' : 'is quiet'}`,
    input_series: Object.entries(series).map(([name, values]) => ({
      series: name,
      values: stretched(values),
    })),
    alert_rule_test: (isToFire ? [LATE] : [EARLY, LATE]).map((eval_time) => ({
      eval_time,
      alertname: alert,
      exp_alerts: isToFire ? [expected] : [],
    })),
  };
}

it('promtool finds nothing wrong with the rules', async () => {
  expect(await promtool(['check', 'rules', RULES])).toMatch(/SUCCESS: \d+ rules found/);
});

it('each alert has cases, and a place in the operating manual', () => {
  expect(ALERT_CASES.map(({ alert }) => alert)).toEqual(alerts);
  const manual = readFileSync(projectFile('docs/OPERATING.md'), 'utf8');
  for (const alert of alerts) {
    expect(rules).toContain(`docs/OPERATING.md#${(alert ?? '').toLowerCase()}`);
    expect(manual).toContain(`### ${alert ?? ''}\n`);
  }
});

it.each(ALERT_CASES)('$alert fires, and only then', async (alertCase) => {
  const tests = [
    testOf(alertCase, alertCase.fires, true),
    ...alertCase.quiet.map((series) => testOf(alertCase, series, false)),
  ];
  const said = await withFiles(
    { 'tests.json': JSON.stringify({ rule_files: [RULES], tests }) },
    (directory) => promtool(['test', 'rules', `${directory}/tests.json`]),
  );
  expect(said).toMatch(/SUCCESS\s*$/);
  expect(said).toMatch(/^exit 0/);
});
