import { chromium } from 'playwright-core';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { expect } from 'vitest';
import { findChromium } from './chromium.ts';

/** What a page must never do; collected from its first request on. */
export interface WatchedPage {
  readonly page: Page;
  /** Console errors, uncaught exceptions, violations of the policy, requests to other origins. */
  readonly faults: readonly string[];
}

export async function launchBrowser(): Promise<Browser> {
  const executablePath = findChromium();
  if (executablePath === null) throw new Error('there is no Chromium');
  // Its sandbox refuses root.
  return chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-dev-shm-usage'] });
}

/** @param origin the only one that may be asked. */
export async function openPage(
  browser: Browser,
  origin: string,
  options: BrowserContextOptions = {},
): Promise<WatchedPage> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(60_000);
  const faults: string[] = [];
  page.on('console', (message) => {
    // A stream of an account that nobody serves yet is answered with an error, and the page says so in words.
    const isAnswer =
      /Failed to load resource.*(502|503|404)/.test(message.text()) &&
      /\/steps$/.test(message.location().url);
    if (message.type() === 'error' && !isAnswer) faults.push(`console: ${message.text()}`);
  });
  page.on('pageerror', (error) => faults.push(`uncaught: ${error.message}`));
  page.on('request', (request) => {
    if (!request.url().startsWith(origin)) faults.push(`foreign request: ${request.url()}`);
  });
  await page.addInitScript(() => {
    const faultsOfPolicy: string[] = ((globalThis as Record<string, unknown>)['policyFaults'] = []);
    (globalThis as unknown as EventTarget).addEventListener('securitypolicyviolation', (event) => {
      faultsOfPolicy.push((event as unknown as { violatedDirective: string }).violatedDirective);
    });
  });
  return { page, faults };
}

/** @param allowed what the browser itself reports of a server that was away. */
export async function expectNoFaults(
  { page, faults }: WatchedPage,
  allowed: RegExp | null = null,
): Promise<void> {
  const ofPolicy = await page.evaluate(() => (globalThis as Record<string, unknown>)['policyFaults']);
  expect(ofPolicy, 'violations of the content security policy').toEqual([]);
  expect(faults.filter((fault) => allowed?.test(fault) !== true)).toEqual([]);
}
