// `npm run screenshots`: runs the demonstration, opens its console in a headless Chromium, and writes docs/images/.
import { spawn } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';
import { bootstrap } from './bootstrap.mjs';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const IMAGES = `${ROOT}docs/images/`;
/** So that the plots have a past. */
const WARM_UP_MS = Number(process.argv[2] ?? 45) * 1_000;

const LAPTOP = { viewport: { width: 1360, height: 900 }, deviceScaleFactor: 1.5 };
const PHONE = {
  viewport: { width: 390, height: 844 },
  deviceScaleFactor: 1.5,
  isMobile: true,
  hasTouch: true,
};
/** Of a page that is longer, the upper part is shown. */
const HEIGHT_MAX = { laptop: 1_600, phone: 1_300 };
/** An account that has something to do. */
const BUSY = '.hot a.id';

async function consoleOf(demo) {
  for await (const line of createInterface({ input: demo.stdout })) {
    const found = /^console\s+(\S+)/.exec(line);
    if (found !== null) return found[1];
  }
  throw new Error('the demonstration ended before it had a console');
}

async function takePictures(address) {
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: ['--no-sandbox'],
  });
  try {
    const page = await browser.newPage(LAPTOP);
    await page.goto(address);
    await page.waitForSelector('[data-node]');
    await sleep(WARM_UP_MS);
    await inBothColours(page, 'overview');
    await page.waitForSelector(BUSY);
    const account = await page.getAttribute(BUSY, 'href');
    await takeAccount(page, account, 'account');
    const phone = await browser.newPage(PHONE);
    await phone.goto(address);
    await phone.waitForSelector('[data-node]');
    await inBothColours(phone, 'overview-phone');
    await takeAccount(phone, account, 'account-phone');
  } finally {
    await browser.close();
  }
}

const sizeOfPage = '({ width: innerWidth, height: document.documentElement.scrollHeight })';

/** By the page's own link, as a person comes to it. */
async function takeAccount(page, hash, name) {
  await page.goto(`${page.url().split('#')[0]}${hash}`);
  await page.waitForSelector('.entry');
  // A few steps of its statechart.
  await sleep(6_000);
  await inBothColours(page, name);
}

async function inBothColours(page, name) {
  for (const colorScheme of ['light', 'dark']) {
    await page.emulateMedia({ colorScheme });
    await sleep(700);
    // With something to do, where there is a list of it: it comes and goes.
    await page.waitForSelector(`${BUSY}, .entry`, { timeout: 20_000 }).catch(() => undefined);
    const { width, height } = await page.evaluate(sizeOfPage);
    const most = width < 720 ? HEIGHT_MAX.phone : HEIGHT_MAX.laptop;
    const clip = { x: 0, y: 0, width, height: Math.min(height, most) };
    await page.screenshot({ path: `${IMAGES}${name}-${colorScheme}.png`, fullPage: true, clip });
  }
}

if (bootstrap()) {
  mkdirSync(IMAGES, { recursive: true });
  const demo = spawn(process.execPath, [`${ROOT}dist/cli/main.js`, 'demo', '--rate', '600'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  try {
    const address = await consoleOf(demo);
    demo.stdout.resume();
    await takePictures(address);
  } finally {
    demo.kill('SIGINT');
  }
}
