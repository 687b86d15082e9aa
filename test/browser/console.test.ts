/**
 * The console in a real browser, on a real cluster. Without this: the page stays empty, shows what is over, asks somebody
 * else's server, breaks its own security policy, or cannot be used without a mouse, and nobody notices before an outage.
 */
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { CHART_NAMES } from '../../src/console/charts/index.ts';
import { shardOf } from '../../src/domain/shard.ts';
import { publish } from '../integration/node-scene.ts';
import { eventually } from '../support/services.ts';
import type { ClusterScene } from '../cluster/support/cluster-scene.ts';
import { NODES, useCluster } from '../cluster/support/use-cluster.ts';
import { expectNoFaults, launchBrowser, openPage, type WatchedPage } from './support/watched-page.ts';

const ACCOUNTS = 12;
const GENEROUS = { timeoutMs: 45_000, pollMs: 100 };
/** Promised is a second; the rest is for a busy machine. */
const ROW_WITHIN_MS = 20_000;

const cluster = useCluster({ traffic: { accounts: ACCOUNTS, duplicatesShare: 0, balanceRequestsShare: 0 } });
let browser: Browser;

beforeAll(async () => {
  browser = await launchBrowser();
}, 60_000);
afterAll(() => browser.close());

const accountsOf = (scene: ClusterScene): readonly string[] => scene.traffic.accounts.map(({ id }) => id);

async function openConsole(scene: ClusterScene, nodeId: string, hash = ''): Promise<WatchedPage> {
  const { address } = scene.node(nodeId);
  const watched = await openPage(browser, address);
  await watched.page.goto(`${address}/console${hash}`);
  return watched;
}

/** Sends what the stream has next, transaction by transaction, until one is for this account. Returns its id. */
async function sendFor(scene: ClusterScene, accountId: string): Promise<string> {
  const { producer, traffic } = scene;
  await producer.declareQueues();
  await producer.openAccounts(traffic.accounts);
  for (;;) {
    const operations = traffic.next(Date.now() * 1_000);
    await producer.insertPending(operations);
    await producer.publish(operations);
    await producer.backlog();
    const sent = producer.sent.at(-1);
    if (sent?.accountId === accountId) return sent.transactionId;
  }
}

const textOf = async ({ page }: WatchedPage, selector: string): Promise<string> =>
  (await page.locator(selector).first().textContent()) ?? '';

it('shows the nodes, their shards and what they do', async () => {
  const scene = await cluster();
  const watched = await openConsole(scene, 'node-1');
  const { page } = watched;
  await eventually(async () => {
    expect(await page.locator('[data-node]').evaluateAll(namesOf)).toEqual([...NODES]);
    expect(await page.locator('.cell[data-owner^="node-"]').count()).toBe(256);
    expect(await textOf(watched, '[data-health="shards"] .value')).toBe('256 of 256');
    expect(await page.locator('.plot canvas').count()).toBe(4);
  }, GENEROUS);
  await expectNoFaults(watched);
  await page.context().close();
});

const namesOf = (rows: readonly { getAttribute(name: string): string | null }[]): (string | null)[] =>
  rows.map((row) => row.getAttribute('data-node'));

it("shows a decision on its account's page at once, says why, and a reload goes on", async () => {
  const scene = await cluster();
  const [accountId = ''] = accountsOf(scene);
  await sendFor(scene, accountId);
  const watched = await openConsole(scene, 'node-1', `#/account/${accountId}`);
  const { page } = watched;
  await page.waitForSelector('.entry');
  await page.waitForSelector('[data-state="account"][data-active]');
  const transactionId = await sendFor(scene, accountId);
  const sentAtMs = Date.now();
  const row = page.locator(`.entry a[href="#/transaction/${transactionId}"]`);
  await row.waitFor();
  expect(Date.now() - sentAtMs).toBeLessThan(ROW_WITHIN_MS);
  process.stderr.write(
    `measured: its row was on the page ${Date.now() - sentAtMs} ms after it was published\n`,
  );
  await page.locator('.step', { hasText: 'committing' }).first().waitFor();
  await page.reload();
  await row.waitFor();
  await row.click();
  await page.waitForSelector('.sentence');
  expect(await textOf(watched, '.sentence')).toMatch(/^(approved|rejected): /);
  await expectNoFaults(watched);
  await page.context().close();
});

it('can be used with the keyboard alone, in both colours, and shows its statecharts', async () => {
  const scene = await cluster();
  const [accountId = ''] = accountsOf(scene);
  const watched = await openConsole(scene, 'node-2');
  const { page } = watched;
  await page.waitForSelector('[data-node]');
  const backgrounds = [];
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme });
    backgrounds.push(await page.evaluate<string>('getComputedStyle(document.body).backgroundColor'));
  }
  expect(new Set(backgrounds).size, 'backgrounds').toBe(2);
  await page.keyboard.press('/');
  await page.keyboard.type(accountId);
  await page.keyboard.press('Enter');
  await page.waitForURL(`**/console#/account/${accountId}`);
  await page.waitForSelector('[data-state="account"]');
  await page.keyboard.press('Escape');
  await page.keyboard.press('Escape');
  await page.waitForSelector('.shards');
  expect(await tabStops(watched)).toEqual(
    expect.arrayContaining(['brand', 'nav', 'search', 'theme', 'nodes', 'shard', 'waiting']),
  );
  await page.locator('.cell[tabindex="0"]').focus();
  await page.keyboard.press('ArrowRight');
  await eventually(async () => expect(await textOf(watched, '.detail')).toContain('shard 1 '), GENEROUS);
  await expectNoFaults(watched);
  await page.context().close();
});

const PLACES = {
  brand: '.brand',
  nav: 'nav a',
  search: '#search',
  theme: '.theme',
  nodes: '.scroll',
  shard: '.cell',
  waiting: '[data-waiting] a',
} as const;

/** What the tab key comes to, from the top of the page on. */
async function tabStops({ page }: WatchedPage): Promise<readonly string[]> {
  await page.locator('.skip').focus();
  const stops: string[] = [];
  for (let presses = 0; presses < 40; presses += 1) {
    await page.keyboard.press('Tab');
    const focused = await page.evaluate<Record<string, boolean>>(
      `Object.fromEntries(${JSON.stringify(Object.entries(PLACES))}.map(([name, selector]) => [name, document.activeElement.matches(selector)]))`,
    );
    stops.push(Object.keys(PLACES).find((name) => focused[name] === true) ?? '');
  }
  return stops;
}

it.each(['', 'account'])('fits a phone: nothing of it sticks out (%s)', async (view) => {
  const scene = await cluster();
  const [accountId = ''] = accountsOf(scene);
  await sendFor(scene, accountId);
  const { address } = scene.node('node-1');
  const watched = await openPage(browser, address, { viewport: { width: 390, height: 844 } });
  const { page } = watched;
  await page.goto(`${address}/console${view === '' ? '' : `#/account/${accountId}`}`);
  await page.waitForSelector(view === '' ? '[data-node]' : '.entry');
  const widths = '[document.documentElement.scrollWidth, innerWidth]';
  const [wanted, there] = await page.evaluate<[number, number]>(widths);
  expect(wanted).toBeLessThanOrEqual(there);
  // The drawing would be too small to be read.
  if (view !== '') await page.waitForSelector('.boxes .is-active');
  await expectNoFaults(watched);
  await page.context().close();
});

it('shows every statechart of the project, and what was given up, masked, with the command to type', async () => {
  const scene = await cluster();
  const body = '{"id":"nonsense","card_id":"secret-card"}';
  await publish(scene.rabbitmqUrl, [{ queue: 'transactions_queue', body }]);
  const watched = await openConsole(scene, 'node-2', '#/dead-letters');
  const { page } = watched;
  const letter = page.locator('.waiting li').first();
  await letter.waitFor();
  expect(await letter.textContent()).toMatch(/paygate dead-letters replay \S+ --why/);
  expect(await letter.textContent()).not.toContain('secret-card');
  for (const name of CHART_NAMES) {
    await page.goto(`${scene.node('node-2').address}/console#/charts/${name}`);
    await page.waitForSelector(`.drawing [data-state="${name}"]`);
  }
  await expectNoFaults(watched);
  await page.context().close();
});

it('follows an account to its new owner when the owner is killed', async () => {
  const scene = await cluster();
  const killed = await scene.ownerOnly();
  const shards = new Set((await scene.shardsByOwner()).get(killed));
  const accountId = accountsOf(scene).find((id) => shards.has(shardOf(id, 256))) ?? '';
  await sendFor(scene, accountId);
  const watching = NODES.find((nodeId) => nodeId !== killed) ?? '';
  const watched = await openConsole(scene, watching, `#/account/${accountId}`);
  const { page } = watched;
  await eventually(async () => expect(await textOf(watched, '[data-fact="owner"]')).toBe(killed), GENEROUS);
  await scene.kill(killed);
  await eventually(async () => {
    expect(await textOf(watched, '[data-fact="owner"]')).toMatch(/^node-/);
    expect(await textOf(watched, '[data-fact="owner"]')).not.toBe(killed);
  }, GENEROUS);
  const transactionId = await sendFor(scene, accountId);
  await page.locator(`.entry a[href="#/transaction/${transactionId}"]`).waitFor();
  await page.click('.brand');
  await eventually(
    async () => expect(await page.locator(`.cell[data-owner="${killed}"]`).count()).toBe(0),
    GENEROUS,
  );
  await expectNoFaults(watched);
  await page.context().close();
});

it('says when its own node is gone, keeps what it knew, names the others, and comes back by itself', async () => {
  const scene = await cluster();
  const { address } = scene.node('node-3');
  const watched = await openConsole(scene, 'node-3');
  const { page } = watched;
  await page.waitForSelector('.link-live');
  await page.waitForSelector('[data-node="node-3"]');
  await page.evaluate("globalThis.isThePageThatWasOpened = 'yes'");
  await scene.kill('node-3');
  await eventually(async () => {
    expect(await textOf(watched, '.link-state')).toContain('not live');
    expect(await textOf(watched, '.banners')).toMatch(
      /does not answer; trying again\. What you see is of \d\d:/,
    );
    expect(await page.locator('main.is-stale').count()).toBe(1);
  }, GENEROUS);
  expect(await page.locator('.cell[data-owner="node-3"]').count()).toBeGreaterThan(0);
  const links = await page.locator('.banners a').evaluateAll(targetsOf);
  const others = ['node-1', 'node-2'].map((nodeId) => `${scene.node(nodeId).address}/console`);
  expect([...links].sort()).toEqual([...others].sort());
  await scene.startAt('node-3', address);
  await eventually(async () => {
    expect(await textOf(watched, '.link-state')).toContain('live · node-3');
    expect(await textOf(watched, '.banners')).not.toContain('does not answer');
    expect(await page.locator('main.is-stale').count()).toBe(0);
  }, GENEROUS);
  expect(await page.evaluate('globalThis.isThePageThatWasOpened')).toBe('yes');
  await expectNoFaults(watched, /^console: Failed to load resource/);
  await page.context().close();
});

const targetsOf = (links: readonly { getAttribute(name: string): string | null }[]): (string | null)[] =>
  links.map((link) => link.getAttribute('href'));
