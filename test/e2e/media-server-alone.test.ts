// `wardline media-server` as a drop-in for FreeSWITCH: unmodified drachtio-fsmrf plays and records through it, and it ends when told to.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { dominantFrequency, totalLevel } from '../support/listen.ts';
import { FarPhone, Mrf } from '../support/media-bench.ts';
import { FacadeSrf } from '../support/media-facade.ts';
import { wav } from '../support/wav.ts';

const ENTRY = join(import.meta.dirname, '../../src/cli/main.ts');

async function run(t: Test, ...args: string[]) {
  const child = spawn(process.execPath, [ENTRY, 'media-server', ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  t.teardown(() => child.kill('SIGKILL'));
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
  const exited = once(child, 'exit');
  const ready = new Promise<string>((resolve) => {
    child.stdout.on('data', (chunk: Buffer) => {
      said += chunk.toString();
      if (said.includes('applications connect')) resolve(said);
    });
    void exited.then(() => resolve(said));
  });
  return { child, exited, said: await ready };
}

const ANY = ['--event-socket', '127.0.0.1:0', '--sip', '127.0.0.1:0', '--rtp', '0-0', '--secret', 'cymru'];

t.test('fsmrf connects, a prompt is heard, and a recording is the file that was named', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'media-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  writeFileSync(join(folder, 'hello.wav'), wav(16_000, 850, 600));
  const { child, exited, said } = await run(t, ...ANY, '--sounds', folder, '--codecs', 'PCMA,G722');
  t.match(said, /^listens at udp\/127\.0\.0\.1:\d+\napplications connect at 127\.0\.0\.1:\d+\n$/);
  await using srf = await FacadeSrf.open();
  const port = Number(/connect at \S+:(\d+)/.exec(said)?.[1]);
  const ms = await new Mrf(srf).connect({ address: '127.0.0.1', port, secret: 'cymru', listenAddress: '127.0.0.1' });
  using phone = await FarPhone.open('required', ['PCMU', 'PCMA']);
  const remoteSdp = phone.offer().replace('RTP/SAVP', 'RTP/xAVP');
  const endpoint = await ms.createEndpoint({ remoteSdp });
  t.match(endpoint.local.sdp, /RTP\/SAVP 8 101/, 'the order of --codecs');
  phone.accept(endpoint.local.sdp);
  const [heard] = await Promise.all([phone.listen(600), endpoint.play('hello.wav')]);
  t.equal(dominantFrequency(heard.subarray(1600), 8000), 850);
  const [words, spoken] = await Promise.all([phone.listen(900), endpoint.execute('say', 'en number pronounced 42')]);
  t.equal(spoken.getHeader('Application-Response'), '_none_', 'words that the folder lacks are our own');
  t.ok(totalLevel(words) > -40, `${totalLevel(words).toFixed(0)} dBFS`);
  phone.say(620);
  await phone.wait(200);
  const path = join(folder, 'message.wav');
  const { recordSeconds } = await endpoint.record(path, { timeLimitSecs: 1 });
  t.equal(recordSeconds, '1');
  await phone.wait(100);
  const bytes = readFileSync(path);
  const samples = Int16Array.from({ length: (bytes.length - 44) / 2 }, (_, i) => bytes.readInt16LE(44 + i * 2));
  t.equal(dominantFrequency(samples, 8000), 620);
  ms.disconnect();
  child.kill('SIGTERM');
  t.same(await exited, [0, null]);
});

t.test('what it cannot do it says in one sentence', async (t) => {
  const taken = createServer().listen(0, '127.0.0.1');
  await once(taken, 'listening');
  t.teardown(() => taken.close());
  const address = taken.address();
  const port = typeof address === 'object' ? address?.port : 0;
  const { exited, said } = await run(t, ...ANY, '--event-socket', `127.0.0.1:${port}`);
  t.match(said, new RegExp(`^wardline: Something else listens at 127\\.0\\.0\\.1:${port} or .*; stop it`));
  t.same(await exited, [1, null]);
  t.match((await run(t, ...ANY, '--rtp-address', '198.51.100.7')).said, '198.51.100.7 is no address of this machine');
  t.match(
    (await run(t, ...ANY, '--sounds', '/nonexistent')).said,
    '/nonexistent is no folder; name one with --sounds.',
  );
  t.match((await run(t, ...ANY, '--codecs', 'MP3')).said, 'Choose among PCMU, PCMA, G722, ');
  t.match((await run(t, ...ANY, '--rtp', '21000-20000')).said, 'Write the first and the last port');
  t.match((await run(t, ...ANY, '--workers', '99')).said, 'Write a number from 0 to 32.');
});
