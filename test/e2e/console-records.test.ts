// The console's pages of records in a real browser: search, recordings, the vault, accounts and the trail; what a wrong role sees; markup as text.
import type { Page } from 'playwright-core';
import type { Test } from 'tap';
import t from 'tap';
import type { ArtifactId } from '../../src/kernel/id.ts';
import { newId } from '../../src/kernel/id.ts';
import type { Role } from '../../src/vault/shapes.ts';
import type { ConsoleBench } from '../support/console-bench.ts';
import { openConsoleBench } from '../support/console-bench.ts';
import { consoleFolder, launchBrowser, lookAt, noChromium, noSidewaysScroll, openPage } from '../support/console-browser.ts'; // biome-ignore format: one import
import { ulawTone } from '../support/ulaw-tone.ts';
import { Visitor } from '../support/visitor.ts';

const MARKUP = '<img src=x onerror="window.wasRun=1">';
const laptop = { width: 1280, height: 900 };
const phone = { width: 380, height: 780 };

t.setTimeout(300_000);

t.test('the console’s pages of records in Chromium', { skip: noChromium }, async (t) => {
  const browser = await launchBrowser(t);
  const on = await openConsoleBench({ consoleFolder });
  t.teardown(() => on[Symbol.asyncDispose]());
  const { recording } = await fill(on);
  const cookies = {
    ada: await cookieOf(t, on, 'ada', ['admin']),
    bo: await cookieOf(t, on, 'bo', ['staff']),
    cy: await cookieOf(t, on, 'cy', ['auditor']),
  };

  await t.test('an administrator at a desk', async (t) => {
    const { page, context, complaints } = await openPage(browser, { viewport: laptop });
    await context.addCookies([cookies.ada]);
    const look = lookAt(page, 'desk');
    await page.goto(`${on.url}/calls`);
    await searches(t, page, look);
    await listens(t, page, on, recording, look);
    await managesAccounts(t, page, look);
    await locksAndChecks(t, page, { on, recording }, look);
    await readsTheTrail(t, page, look);
    t.same(complaints(), [], 'nothing broke the content security policy or threw');
    t.equal(await page.evaluate(() => 'wasRun' in globalThis), false, 'no markup was run');
  });

  await t.test('the same on a narrow, dark screen: nothing is wider than it', async (t) => {
    const { page, context, complaints } = await openPage(browser, { viewport: phone, colorScheme: 'dark' });
    await context.addCookies([cookies.ada]);
    const look = lookAt(page, 'phone');
    for (const [path, text] of [
      [`/recordings/${recording}`, 'Legal hold'],
      ['/search', 'Each search is on record'],
      ['/vault', 'Ways to open it'],
      ['/audit', 'Records searched'],
    ] as const) {
      await page.goto(on.url + path);
      await page.getByText(text).first().waitFor();
      await noSidewaysScroll(t, page);
      await look(path.split('/').slice(1, 3).join('-'));
    }
    t.same(complaints(), []);
  });

  await t.test('staff and auditors see none of it, whatever address they write', async (t) => {
    const { page, context } = await openPage(browser, { viewport: laptop });
    await context.addCookies([cookies.bo]);
    await page.goto(`${on.url}/vault`);
    await page.getByRole('heading', { name: 'Calls' }).waitFor();
    t.same(await page.locator('.menu a > span:not(.count)').allTextContents(), ['Calls', 'Voicemail']);
    const refused = await page.evaluate(async (id) => {
      const paths = ['/vault', '/users', '/recordings', '/audit', `/artifacts/${id}/export`];
      return Promise.all(paths.map(async (path) => (await fetch(`/api${path}`)).status));
    }, recording);
    t.same(refused, [403, 403, 403, 403, 403]);
    await page.goto(`${on.url}/recordings/${recording}`);
    await page.getByRole('heading', { name: 'Calls' }).waitFor();
    await context.addCookies([cookies.cy]);
    await page.goto(`${on.url}/search`);
    await page.getByRole('heading', { name: 'Audit trail' }).waitFor();
    t.same(await page.locator('.menu a > span').allTextContents(), ['Audit trail'], 'an auditor sees the trail alone');
    await page.keyboard.press('/');
    t.equal(await page.locator('#search-box').count(), 0);
  });
});

async function fill(on: ConsoleBench): Promise<{ recording: ArtifactId }> {
  const callId = newId<'call'>();
  const of = { callId, from: '+12125550123', fromName: `Zaphira ${MARKUP}` } as const;
  const marks = [
    { mark: 'notice-played', atMs: 0 },
    { mark: 'masked', atMs: 4_000 },
    { mark: 'unmasked', atMs: 6_000 },
    { mark: 'paused', atMs: 8_000 },
    { mark: 'resumed', atMs: 8_000 },
  ] as const;
  const audio = ulawTone(440, 20); // 10 s of two channels
  const recording = await on.addVoicemail({ ...of, kind: 'recording', channels: 2, mailbox: '' }, audio, { marks });
  const at = on.clock.now();
  await on.addCall({
    ...of,
    startedAt: at,
    answeredAt: at,
    outcome: { ended: 'answered', by: 'caller' },
    artifacts: [recording],
    quality: [
      { leg: 'caller', mos: 4.3, lossPercent: 0.2, jitterMs: 4 },
      { leg: 'callee', mos: 3.2, lossPercent: 6.4, jitterMs: 31, roundTripMs: 80 },
    ],
  });
  await on.addVoicemail({ fromName: 'Orlo Placeholder' }, ulawTone(600, 2));
  return { recording };
}

async function cookieOf(t: Test, on: ConsoleBench, login: string, roles: Role[]) {
  const visitor = new Visitor(on.url, on.ca);
  t.teardown(() => visitor[Symbol.asyncDispose]());
  await visitor.enrol(await on.invite(login, roles, ['1001']), on.clock.now());
  return { name: '__Host-wardline', value: visitor.cookie.split('=')[1] ?? '', url: on.url, secure: true };
}

type Look = (name: string) => Promise<void>;

async function searches(t: Test, page: Page, look: Look): Promise<void> {
  await page.getByText('Zaphira').first().waitFor();
  await page.keyboard.press('/');
  await page.locator('#search-box:focus').waitFor();
  await page.keyboard.type('zaph');
  await page.keyboard.press('Enter');
  await page.getByText('2 records found').waitFor();
  t.same(await page.locator('.hits mark').allTextContents(), ['Zaph', 'Zaph'], 'where the word begins');
  t.same((await page.locator('.hits .badges').allTextContents()).sort(), ['Call', 'Recording']);
  await look('search');
  await page.getByLabel('What').selectOption('recording');
  await page.getByLabel('Search', { exact: true }).last().press('Enter');
  await page.getByText('1 record found').waitFor();
  await page.getByLabel('What').selectOption('');
  await page.locator('#search-box').fill('(212) 555-0123');
  await page.keyboard.press('Enter');
  await page.locator('mark', { hasText: '(212) 555-0123' }).first().waitFor();

  await page.keyboard.press('ArrowDown');
  t.ok(await page.evaluate(() => document.activeElement?.matches('.hits .row-link')), 'the first result');
  await page.keyboard.press('ArrowUp');
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: 'Incoming call' }).waitFor();
  t.ok(await page.evaluate(() => document.activeElement?.id === 'content'), 'and reading goes on there');
  t.match(await page.getByLabel('Sound quality').textContent(), /Caller Good, 4\.3.*Called party Poor, 3\.2/);
  await look('call');

  const half = { hits: [], isComplete: false, progress: { done: 4_000, all: 9_000 } };
  await page.route('**/api/search*', (route) => route.fulfill({ json: half }));
  await page.keyboard.press('/');
  await page.locator('#search-box:focus').waitFor();
  await page.keyboard.press('Enter');
  await page.getByText('still being built: 4,000 of 9,000 records').waitFor();
  await page.unroute('**/api/search*');
}

async function listens(t: Test, page: Page, on: ConsoleBench, recording: ArtifactId, look: Look): Promise<void> {
  await page.getByRole('link', { name: 'Recordings' }).click();
  await page.locator('.row-link').click();
  await page.waitForURL(`**/recordings/${recording}`);
  t.match(await page.getByRole('heading', { level: 1 }).textContent(), MARKUP, 'as it was written');
  t.same(await page.locator('.mark-list button').allTextContents(), [
    'Notice played, 0:00',
    'Masked, 0:04 to 0:06',
    'Paused, 0:08',
  ]);
  await page.getByRole('button', { name: /^Play the recording/ }).click();
  await page.getByRole('button', { name: 'Masked, 0:04 to 0:06' }).click();
  await page.waitForFunction(() => (document.querySelector('audio')?.currentTime ?? 0) > 4.1);
  await page.getByLabel('Hear').selectOption('caller');

  await page.getByLabel('Write a note').fill(`about ${MARKUP} the zeppelin`);
  await page.getByRole('button', { name: 'Add note' }).click();
  await page.locator('.note-text', { hasText: MARKUP }).waitFor();
  await page.getByLabel('Add a tag').fill('refill');
  await page.keyboard.press('Enter');
  await page.getByRole('button', { name: 'Remove tag refill' }).waitFor();
  await page.getByRole('button', { name: 'Place a legal hold' }).click();
  await page.getByLabel('Reason').fill(`Letter ${MARKUP}`);
  await page.getByRole('button', { name: 'Hold', exact: true }).click();
  await page.getByText('Legal hold since').waitFor();
  t.equal(await page.evaluate(() => document.activeElement?.textContent), 'Place a legal hold', 'back where it was');
  await look('recording');
  await page.getByRole('button', { name: 'Save a copy' }).click();
  await Promise.all([
    page.waitForEvent('download'),
    page.locator('dialog[open]').getByRole('button', { name: 'Save' }).click(),
  ]);
  const done = (await on.trail()).filter(({ subject }) => subject === recording).map(({ action }) => action);
  for (const action of ['artifact-played', 'note-added', 'hold-placed', 'artifact-exported'] as const)
    t.equal(done.filter((each) => each === action).length, action === 'note-added' ? 2 : 1, action);
}

async function managesAccounts(t: Test, page: Page, look: Look): Promise<void> {
  await page.getByRole('link', { name: 'Accounts' }).click();
  await page.getByRole('button', { name: 'Invite a person' }).click();
  await page.getByLabel('Login').fill('newcomer');
  await page.getByLabel('Name').fill(MARKUP);
  await page.getByRole('button', { name: 'Make the link' }).click();
  const link = page.locator('input[readonly]');
  await link.waitFor();
  t.match(await link.inputValue(), /^https:.*\/enrol#[\w-]{43}$/);
  await page.getByRole('button', { name: 'Invite a person' }).click();
  await page.locator('.row-button', { hasText: 'bo Example' }).click();
  await page.getByLabel('Auditor').check();
  await page.getByRole('button', { name: 'Save' }).click();
  await page.locator('dialog[open]').getByRole('button', { name: 'Change' }).click();
  await page.getByText('staff, auditor').waitFor();
  await page.getByLabel('Auditor').uncheck();
  await page.getByRole('button', { name: 'Save' }).click();
  await page.locator('dialog[open]').getByRole('button', { name: 'Change' }).click();
  await page
    .locator('.who-detail', { hasText: /staff$/ })
    .nth(1)
    .waitFor();
  await page.locator('.row-button', { hasText: MARKUP }).click();
  await look('accounts');
  await page.getByRole('button', { name: 'Remove' }).click();
  await page.locator('dialog[open]').getByRole('button', { name: 'Remove' }).click();
  await page.waitForFunction(() => document.querySelectorAll('.accounts .row').length === 3);
}

async function locksAndChecks(
  t: Test,
  page: Page,
  { on, recording }: { on: ConsoleBench; recording: ArtifactId },
  look: Look,
): Promise<void> {
  await page.getByRole('link', { name: 'Vault', exact: true }).click();
  await page.getByText('Recovery code').waitFor();
  await page.getByRole('button', { name: 'Check everything' }).click();
  await page.getByText('All of it holds').waitFor();
  const lagging = { id: 'b', path: '/mnt/other', lastAt: 1, bytes: 25_000_000, isThere: false, holdsDisposed: 2 };
  const problem = `The audio of ${recording} was altered.`;
  await page.route('**/api/vault', async (route) => {
    const json = await (await route.fetch()).json();
    await route.fulfill({ json: { ...json, problems: [problem], backups: [lagging], disposalsWaiting: 2 } });
  });
  await page.getByRole('button', { name: 'Refresh' }).click();
  await page.getByText('2 disposals behind').waitFor();
  t.match(await page.getByRole('alert').textContent(), problem);
  t.equal(await page.getByRole('link', { name: recording }).getAttribute('href'), `/recordings/${recording}`);
  await look('vault');
  await page.unroute('**/api/vault');
  await page.getByRole('button', { name: 'Lock the records' }).click();
  await page.locator('dialog[open]').getByRole('button', { name: 'Lock' }).click();
  await page.getByLabel('Unlock the records with').waitFor();
  await page.keyboard.press('/');
  await page.locator('#search-box').fill('zaphira');
  await page.keyboard.press('Enter');
  await page.getByText('The records are locked').waitFor();
  await look('locked');
  await page.getByRole('link', { name: /Unlock them/ }).click();
  await page.getByLabel('Recovery code').fill('wrong');
  await page.getByRole('button', { name: 'Unlock' }).click();
  t.match(await page.getByRole('alert').textContent(), /not a recovery code/);
  await page.getByLabel('Recovery code').fill(on.recoveryCode);
  await page.getByRole('button', { name: 'Unlock' }).click();
  await page.getByRole('button', { name: 'Lock the records' }).waitFor();
}

async function readsTheTrail(t: Test, page: Page, look: Look): Promise<void> {
  await page.getByRole('link', { name: 'Audit trail' }).click();
  await page.getByText('Search the trail').click();
  await page.getByLabel('What').fill('Vault locked');
  await page.getByLabel('Who').fill('ada');
  await page.getByRole('button', { name: 'Search', exact: true }).click();
  await page.waitForFunction(() => document.querySelectorAll('.row.entry').length === 1);
  t.match(await page.locator('.row.entry').textContent(), /Vault lockedada/);
  await page.getByRole('button', { name: 'Verify' }).click();
  await page.getByText(/All \d+ entries hold/).waitFor();
  await look('audit');
  const [download] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('link', { name: 'Export' }).click(),
  ]);
  t.equal(download.suggestedFilename(), 'wardline-audit.jsonl');
  await page.getByRole('link', { name: /^Your account/ }).click();
  await page.getByText('This one').waitFor();
  await look('account');
}
