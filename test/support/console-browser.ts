// Chromium before the console: pages that note what broke the content security policy or threw, and screenshots for a person to look at.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { chromium } from 'playwright-core';
import type { Test } from 'tap';

const CHROMIUM = '/usr/bin/chromium';
const checkout = fileURLToPath(new URL('../..', import.meta.url));
/** Where to keep screenshots; nowhere unless told. */
const screenshots = process.env.WARDLINE_SCREENSHOTS;

const flags = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--autoplay-policy=no-user-gesture-required',
];

export const noChromium = existsSync(CHROMIUM) ? false : 'needs the Debian package chromium: apt-get install chromium';
export const consoleFolder = join(checkout, 'dist/console');

/** The console as it is now, and a browser that is closed after the test. */
export async function launchBrowser(t: Test): Promise<Browser> {
  const built = spawnSync(process.execPath, [join(checkout, 'scripts/build-console.ts')], { encoding: 'utf8' });
  t.equal(built.status, 0, built.stdout + built.stderr);
  const browser = await chromium.launch({ executablePath: CHROMIUM, args: flags });
  t.teardown(() => browser.close());
  return browser;
}

export async function openPage(browser: Browser, options: BrowserContextOptions) {
  // The private CA is checked by the contract tests; a browser profile that trusts it is not theirs to make.
  const context = await browser.newContext({ ignoreHTTPSErrors: true, locale: 'en-US', ...options });
  const page = await context.newPage();
  const heard: string[] = [];
  page.on(
    'console',
    (message) => void (/Content Security Policy|Refused/.test(message.text()) && heard.push(message.text())),
  );
  page.on('pageerror', (error) => void heard.push(error.message));
  return { page, context, complaints: () => heard };
}

export function lookAt(page: Page, device: string): (name: string) => Promise<void> {
  return async (name) => {
    if (screenshots === undefined) return;
    mkdirSync(screenshots, { recursive: true });
    await page.screenshot({ path: join(screenshots, `${device}-${name}.png`), fullPage: true });
  };
}

export async function noSidewaysScroll(t: Test, page: Page): Promise<void> {
  const isWider = await page.evaluate(() => document.documentElement.scrollWidth > innerWidth);
  t.notOk(isWider, 'nothing is wider than the screen');
}
