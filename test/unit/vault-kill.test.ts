// A kill -9 of the vault in the middle of a capture costs nothing that was acknowledged; what was captured is listed and heard.
import { setTimeout as delay } from 'node:timers/promises';
import t from 'tap';
import { LinkClient } from '../../src/ipc/client.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import type { ArtifactId } from '../../src/kernel/id.ts';
import { type Capture, connectIntake } from '../../src/seal/intake-client.ts';
import type { Vault } from '../../src/vault/contract.ts';
import { CALLER, makeVault, newFolders, openVault, tone, voicemailHeader } from '../support/vault-bench.ts';
import { CLI_TOKEN, MEDIA_TOKEN, spawnVault } from '../support/vault-process.ts';

const PACKET_BYTES = 160;

/** Feeds audio in real packets of 20 ms, four times faster than a call would. */
async function feed(capture: Capture, audio: Uint8Array, from: number): Promise<void> {
  for (let at = from; at < audio.length; at += PACKET_BYTES) {
    capture.write(audio.subarray(at, at + PACKET_BYTES), at);
    await delay(5);
  }
}

async function listen(vault: Vault, artifactId: ArtifactId): Promise<Uint8Array> {
  const ask = { caller: CALLER, artifactId, fromSample: 0, samples: 1_000_000, play: true };
  return (await vault.askForBytes('artifact.audio', ask)).body;
}

t.test('vault and writer both die: all but the last second is there after the restart, as cut-off', async (t) => {
  using folders = newFolders();
  await makeVault(folders);
  const first = spawnVault(folders);
  const vault = first.connect();
  const { artifactId } = await vault.ask('artifact.open', { header: voicemailHeader() });
  const intake = connectIntake({ socket: first.socket, token: MEDIA_TOKEN, clock: systemClock });
  const capture = await intake.begin(artifactId);
  const audio = tone(6_000);
  await feed(capture, audio, 0);
  await first.kill(); // 6 s were said; nothing was ended
  intake[Symbol.dispose]();
  vault[Symbol.dispose]();

  const second = spawnVault(folders, { start: 2 });
  using again = second.connect();
  const { rows } = await again.ask('artifacts.page', { caller: CALLER, kind: 'voicemail', page: { limit: 5 } });
  t.equal(rows.length, 1);
  t.equal(rows[0]?.state, 'cut-off');
  t.ok(Number(rows[0]?.durationMs) >= 5_000, `at most a second is lost: ${rows[0]?.durationMs} ms of 6000 are there`);
  const heard = await listen(again, artifactId);
  t.ok(Buffer.from(heard).equals(Buffer.from(audio.subarray(0, heard.length))), 'what is there is what was said');
  t.same(await again.ask('mailbox.counts', { mailbox: '1001' }), { unread: 1, read: 0 });
  t.equal((await again.ask('audit.verify', { caller: CALLER })).ok, true);
  t.same((await again.ask('status', {})).problems, []);
  second.child.stdin!.end();
  t.equal(await second.exited, 0, 'it ends by itself when its supervisor is gone');
});

t.test('the vault alone dies: the writer waits with sealed audio, and nothing at all is lost', async (t) => {
  using folders = newFolders();
  await makeVault(folders);
  const first = spawnVault(folders);
  const vault = first.connect();
  const { artifactId } = await vault.ask('artifact.open', { header: voicemailHeader() });
  using intake = connectIntake({ socket: first.socket, token: MEDIA_TOKEN, clock: systemClock });
  const capture = await intake.begin(artifactId);
  const audio = tone(8_000, 5);
  await feed(capture, audio.subarray(0, 24_000), 0);
  await first.kill();
  await feed(capture, audio.subarray(0, 40_000), 24_000);
  vault[Symbol.dispose]();

  const second = spawnVault(folders);
  using again = second.connect();
  await feed(capture, audio, 40_000);
  await capture.end();
  const closed = await again.ask('artifact.close', { artifactId, keep: true });
  t.same(closed, { state: 'complete', durationMs: 8_000 });
  t.ok(Buffer.from(await listen(again, artifactId)).equals(Buffer.from(audio)));
  t.equal((await again.ask('audit.verify', { caller: CALLER })).ok, true);
  await second.kill();
});

t.test(
  'the media role may hand in audio alone; notices reach the controller; shutdown ends the process cleanly',
  async (t) => {
    using folders = newFolders();
    await makeVault(folders);
    const vault = spawnVault(folders);
    using controller = vault.connect();
    const notice = Promise.withResolvers<string>();
    controller.onNotice(({ type }) => notice.resolve(type));
    const { clinic } = await controller.ask('clinic.get', {});
    using media = new LinkClient({ path: vault.socket, role: 'media', token: MEDIA_TOKEN, clock: systemClock });
    await t.rejects(media.request('status', {}), { code: 'not-allowed' });
    await t.rejects(media.request('intake.begin', { artifactId: 'x' }), { code: 'artifact-unknown' });
    await t.rejects(media.request('intake.chunk', [1]), { code: 'unknown-request' });
    await t.rejects(media.request('intake.unheard-of', {}), { code: 'unknown-request' });
    using cli = new LinkClient({ path: vault.socket, role: 'cli', token: CLI_TOKEN, clock: systemClock });
    await t.rejects(cli.request('toString', {}), { code: 'unknown-request' });
    await controller.ask('clinic.put', { caller: CALLER, clinic, summary: 'the same again' });
    t.equal(await notice.promise, 'clinic.changed');
    t.same((await cli.request('shutdown', {})).payload, {});
    t.equal(await vault.exited, 0);
    await using again = await openVault(folders);
    const { rows } = await again.ask('audit.page', { caller: CALLER, page: { limit: 10 } });
    t.ok(
      rows.some(({ action }) => action === 'vault-closed'),
      'it closed its books before it went',
    );
  },
);

t.test('what cannot start says why in one sentence and exits with 78', async (t) => {
  using folders = newFolders();
  const missing = spawnVault(folders);
  t.equal(await missing.exited, 78);
  t.match(missing.stderr(), /^wardline: There is no vault in .*\n$/);
});

t.test(
  'records that somebody locked stay locked when the vault alone dies; a new start of the appliance opens them',
  async (t) => {
    using folders = newFolders();
    await makeVault(folders);
    const first = spawnVault(folders);
    using vault = first.connect();
    t.equal((await vault.ask('status', {})).records, 'unlocked');
    await vault.ask('lock', { caller: CALLER });
    await first.kill();
    const second = spawnVault(folders);
    t.equal((await vault.ask('status', {})).records, 'locked');
    await second.kill();
    const third = spawnVault(folders, { start: 2 });
    t.equal((await vault.ask('status', {})).records, 'unlocked');
    await third.kill();
  },
);
