// The console in a real browser, on a laptop and on a phone: enrol, log in, see a call, hear a voicemail, be logged out when idle.
import { TOTP } from 'otpauth';
import type { Page } from 'playwright-core';
import type { Test } from 'tap';
import t from 'tap';
import type { ConsoleBench } from '../support/console-bench.ts';
import { openConsoleBench } from '../support/console-bench.ts';
import { consoleFolder, launchBrowser, lookAt, noChromium, noSidewaysScroll, openPage } from '../support/console-browser.ts'; // biome-ignore format: one import
import { ulawTone } from '../support/ulaw-tone.ts';
import { PASSWORD } from '../support/visitor.ts';

const MINUTE = 60_000;

const viewports = { laptop: { width: 1280, height: 800 }, phone: { width: 390, height: 844 } };

t.setTimeout(300_000);

t.test('the console in Chromium', { skip: noChromium }, async (t) => {
  const browser = await launchBrowser(t);
  for (const [device, viewport] of Object.entries(viewports)) {
    await t.test(`on a ${device}: enrolment to log-out`, async (t) => {
      const on = await openConsoleBench({ consoleFolder });
      t.teardown(() => on[Symbol.asyncDispose]());
      const { page, complaints } = await openPage(browser, { viewport });
      const look = lookAt(page, device);
      await on.addCall({ from: '+12125550123', fromName: 'Nora Placeholder' });
      await on.addCall({ direction: 'internal', from: '1002', fromName: 'Nurse Station', to: '1001' });
      const newest = await on.addVoicemail({ from: '+12125550123', fromName: 'Nora Placeholder' }, ulawTone(440, 12));

      await page.goto(`${on.url}/enrol#${'x'.repeat(43)}`);
      await page.getByText('This link does not work any more').waitFor();
      const secret = await enrol(page, on, look);

      await page.getByText('Nora Placeholder').first().waitFor();
      t.match(await page.locator('.row.call').first().textContent(), /Nurse Station[\s\S]*No answer/);
      t.match(await page.locator('.row.call').nth(1).textContent(), /\(212\) 555-0123[\s\S]*Missed/);
      t.equal(await page.locator('.menu .count').textContent(), '1', 'one message unheard');
      await look('calls');
      await page.getByLabel('Find calls by number').fill('(212) 555-0123');
      await page.keyboard.press('Enter');
      await page.waitForFunction(() => document.querySelectorAll('.row.call').length === 1);
      await noSidewaysScroll(t, page);

      await page.getByRole('link', { name: 'Voicemail' }).click();
      await page.locator('.row-button').click();
      await page.waitForFunction(() => (document.querySelector('audio')?.currentTime ?? 0) > 0.3);
      t.ok((await loudness(page)) > 0.05, 'what is played is not silence');
      await page.getByLabel('Position in the message').fill('9000');
      await page.waitForFunction(() => (document.querySelector('audio')?.currentTime ?? 0) > 9.1);
      await look('playing');
      await noSidewaysScroll(t, page);
      t.equal(await page.locator('.menu .count').count(), 0, 'heard');
      const played = (await on.trail()).filter(({ action }) => action === 'artifact-played');
      t.same(
        played.map(({ subject }) => subject),
        [newest],
        'one hearing in the trail',
      );

      await on.addVoicemail({ from: '+12125550147' }, ulawTone(600, 3));
      await page.evaluate(() => document.dispatchEvent(new Event('visibilitychange')));
      await page.getByText('(212) 555-0147').waitFor();
      await page.locator('.row-body').getByRole('button', { name: 'Delete' }).click();
      await look('delete');
      await page.locator('dialog[open]').getByRole('button', { name: 'Delete' }).click();
      await page.waitForFunction(() => document.querySelectorAll('.row.message').length === 1);
      await page.getByRole('link', { name: 'Audit trail' }).click();
      await page.getByText('Audio played').first().waitFor();
      await look('audit');

      await idleToTheEnd(t, page, on, look);
      await logIn(page, on, secret);
      await page.getByRole('heading', { name: 'Audit trail' }).waitFor();
      await page.getByRole('button', { name: 'Log out' }).click();
      await page.getByText('You are logged out.').waitFor();
      t.same(complaints(), [], 'nothing broke the content security policy or threw');
    });
  }
});

/** Through the one-time link, as a person reads the page; answers the authenticator's secret. */
async function enrol(page: Page, on: ConsoleBench, look: (name: string) => Promise<void>): Promise<string> {
  const token = await on.invite('ada', ['admin']);
  await page.goto('about:blank');
  await page.goto(`${on.url}/enrol#${token}`);
  await page.locator('.qr').waitFor();
  const secret = ((await page.locator('.key code').textContent()) ?? '').replace(/\s/g, '');
  await page.getByLabel('Password', { exact: true }).fill('password1234');
  await page.getByLabel('Code', { exact: true }).fill(codeOf(secret, on));
  await page.getByRole('button', { name: 'Finish and log in' }).click();
  await page.getByRole('alert').waitFor();
  await look('weak-password');
  await page.getByLabel('Password', { exact: true }).fill(PASSWORD);
  await page.getByRole('button', { name: 'Finish and log in' }).click();
  await page.getByRole('heading', { name: 'Calls' }).waitFor();
  return secret;
}

async function logIn(page: Page, on: ConsoleBench, secret: string): Promise<void> {
  await page.getByLabel('Login', { exact: true }).fill('ada');
  await page.getByLabel('Password', { exact: true }).fill(PASSWORD);
  await page.getByLabel('Code', { exact: true }).fill(codeOf(secret, on));
  await page.keyboard.press('Enter');
}

/** The notice comes a minute before the end and keeps the session when asked; then the end comes. */
async function idleToTheEnd(
  t: Test,
  page: Page,
  on: ConsoleBench,
  look: (name: string) => Promise<void>,
): Promise<void> {
  const poll = () => page.evaluate(() => document.dispatchEvent(new Event('visibilitychange')));
  // The clock moves only once the last act of the person has arrived.
  await Promise.all([page.waitForResponse(/api\/audit/), page.getByRole('button', { name: 'Refresh' }).click()]);
  on.clock.shift(14 * MINUTE + 5_000);
  await poll();
  await page.getByText('Still there?').waitFor();
  await look('idle');
  await page.getByRole('button', { name: 'Stay logged in' }).click();
  await page.getByText('Still there?').waitFor({ state: 'hidden' });
  await page.waitForLoadState('networkidle');
  on.clock.shift(15 * MINUTE);
  await poll();
  await page.getByRole('heading', { name: 'Log in' }).waitFor();
  t.match(await page.getByRole('status').textContent(), /session has ended/);
  await look('login');
}

function codeOf(secret: string, on: ConsoleBench): string {
  return new TOTP({ secret }).generate({ timestamp: on.clock.now() });
}

/** The loudest that the playing message gets within half a second, 0 to 1. */
function loudness(page: Page): Promise<number> {
  return page.evaluate(async () => {
    const context = new AudioContext();
    const analyser = context.createAnalyser();
    const audio = document.querySelector('audio');
    if (audio === null) return 0;
    context.createMediaElementSource(audio).connect(analyser);
    analyser.connect(context.destination);
    const samples = new Float32Array(analyser.fftSize);
    let peak = 0;
    for (let i = 0; i < 10; i++) {
      await new Promise((resolve) => setTimeout(resolve, 50));
      analyser.getFloatTimeDomainData(samples);
      peak = Math.max(peak, ...samples.map(Math.abs));
    }
    return peak;
  });
}
