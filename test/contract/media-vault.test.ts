// Audio from a phone into the sealed vault and back to a phone: the real vault process, the embedded media server, an unmodified drachtio-fsmrf.
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { systemClock } from '../../src/kernel/clock.ts';
import { pcmu } from '../../src/kernel/g711.ts';
import type { ArtifactId } from '../../src/kernel/id.ts';
import { connectIntake } from '../../src/seal/intake-client.ts';
import type { Vault } from '../../src/vault/contract.ts';
import { dominantFrequency } from '../support/listen.ts';
import { mediaBench } from '../support/media-bench.ts';
import { CALLER, makeVault, newFolders, voicemailHeader } from '../support/vault-bench.ts';
import { MEDIA_TOKEN, spawnVault } from '../support/vault-process.ts';

async function audioOf(vault: Vault, artifactId: ArtifactId): Promise<Int16Array> {
  const ask = { caller: CALLER, artifactId, fromSample: 0, samples: 1_000_000, play: true };
  const { body } = await vault.askForBytes('artifact.audio', ask);
  const samples = new Int16Array(body.length);
  pcmu.decode(body, 0, body.length, samples, 0);
  return samples;
}

t.test('a message is sealed as it is spoken, no file ever is, and it is heard again by phone', async (t) => {
  using folders = newFolders();
  await makeVault(folders);
  const process = spawnVault(folders);
  using vault = process.connect();
  const { artifactId } = await vault.ask('artifact.open', { header: voicemailHeader() });
  using intake = connectIntake({ socket: process.socket, token: MEDIA_TOKEN, clock: systemClock });
  const { spoolFolder } = folders;
  {
    await using bench = await mediaBench({ intake, spoolFolder });
    const { phone, endpoint } = await bench.call();
    phone.say(523);
    await phone.wait(100);
    const path = join(spoolFolder, `${artifactId}.ul`);
    const recording = endpoint.record(path, { timeLimitSecs: 30 });
    await phone.wait(1200);
    t.notOk(existsSync(path));
    await endpoint.dialog.destroy();
    await recording;
  }
  const closed = await vault.ask('artifact.close', { artifactId, keep: true });
  t.equal(closed.state, 'complete');
  t.ok(closed.durationMs >= 1_000 && closed.durationMs <= 1_600, `${closed.durationMs} ms were said`);
  const heard = await audioOf(vault, artifactId);
  t.equal(dominantFrequency(heard.subarray(800), 8000), 523);
  const playout = await vault.ask('playout.open', { caller: CALLER, artifactId });
  await using bench = await mediaBench({ intake, spoolFolder });
  const { phone, endpoint } = await bench.call();
  const playing = endpoint.play(playout.path);
  await phone.wait(300);
  t.equal(await phone.hearing(523), 523);
  await playing;
  await vault.ask('playout.done', { path: playout.path });
  t.same(existsSync(join(spoolFolder, 'out')) ? readdirSync(join(spoolFolder, 'out')) : [], []);
  process.child.stdin?.end();
  await process.exited;
});

t.test('an artifact that the vault does not know ends the call, as an unwritable file does', async (t) => {
  using folders = newFolders();
  await makeVault(folders);
  const process = spawnVault(folders);
  using vault = process.connect();
  await vault.ask('status', {});
  using intake = connectIntake({ socket: process.socket, token: MEDIA_TOKEN, clock: systemClock });
  await using bench = await mediaBench({ intake, spoolFolder: folders.spoolFolder });
  const { endpoint } = await bench.call();
  const ended = new Promise((resolve) => endpoint.once('destroy', resolve));
  const path = join(folders.spoolFolder, `${'a'.repeat(26)}.ul`);
  const recording = endpoint.record(path, { timeLimitSecs: 30 });
  t.match(await ended, { reason: 'DESTINATION_OUT_OF_ORDER' });
  await recording;
  t.notOk(existsSync(path));
  process.child.stdin?.end();
  await process.exited;
});

t.test('the vault is away when a recording begins: the audio waits, and is all there when it is back', async (t) => {
  using folders = newFolders();
  await makeVault(folders);
  const first = spawnVault(folders);
  const before = first.connect();
  const { artifactId } = await before.ask('artifact.open', { header: voicemailHeader() });
  before[Symbol.dispose]();
  await first.kill();
  using intake = connectIntake({ socket: first.socket, token: MEDIA_TOKEN, clock: systemClock });
  await using bench = await mediaBench({ intake, spoolFolder: folders.spoolFolder });
  const { phone, endpoint } = await bench.call();
  phone.say(523);
  await phone.wait(100);
  const recording = endpoint.record(join(folders.spoolFolder, `${artifactId}.ul`), { timeLimitSecs: 2 });
  await phone.wait(400);
  const second = spawnVault(folders);
  using vault = second.connect();
  t.match(await recording, { recordMilliseconds: '2000' });
  await endpoint.destroy();
  await bench.server.close();
  const closed = await vault.ask('artifact.close', { artifactId, keep: true });
  t.same(closed, { state: 'complete', durationMs: 2_000 });
  second.child.stdin?.end();
  await second.exited;
});
