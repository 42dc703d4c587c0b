// `wardline edge` as a drop-in for drachtio-server: unmodified drachtio-srf answers a call over UDP and TLS, and it ends when told to.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Srf from 'drachtio-srf';
import t, { type Test } from 'tap';
import { makeTestCertificate } from '../support/certificate.ts';
import { SDP, SipPeer } from '../support/sip-peer.ts';

const ENTRY = join(import.meta.dirname, '../../src/cli/main.ts');

async function run(t: Test, ...args: string[]) {
  const child = spawn(process.execPath, [ENTRY, 'edge', ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
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

const portOf = (said: string, what: string): number => Number(new RegExp(`${what}\\S*:(\\d+)`).exec(said)?.[1]);

t.test('srf takes calls that come to it, over UDP and TLS', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'edge-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const { certificate, key, ca } = await makeTestCertificate();
  writeFileSync(join(folder, 'cert.pem'), certificate);
  writeFileSync(join(folder, 'key.pem'), key, { mode: 0o600 });
  const files = ['--cert', join(folder, 'cert.pem'), '--key', join(folder, 'key.pem')];
  const listen = ['--listen', 'udp/127.0.0.1:0', '--listen', 'phones:tls/127.0.0.1:0'];
  const { child, exited, said } = await run(t, '--admin', '127.0.0.1:0', '--secret', 'cymru', ...listen, ...files);
  t.match(
    said,
    /listens at udp\/127\.0\.0\.1:\d+\nlistens at phones:tls\/127\.0\.0\.1:\d+\napplications connect at 127/,
  );

  const srf = new Srf();
  srf.connect({ host: '127.0.0.1', port: portOf(said, 'connect at '), secret: 'cymru' });
  await once(srf, 'connect');
  srf.invite((req, res) => void srf.createUAS(req, res, { localSdp: SDP }));
  await using phone = await SipPeer.tls(portOf(said, 'phones:tls'), ca);
  await using trunk = await SipPeer.udp(portOf(said, 'at udp'));
  for (const peer of [phone, trunk]) {
    const invite = peer.request('INVITE', { body: SDP });
    peer.send(invite);
    const ok = await peer.takeResponse(200);
    peer.send(peer.within(invite, ok, 'ACK'));
    peer.send(peer.within(invite, ok, 'BYE'));
    await peer.takeResponse(200, 'BYE');
  }
  srf.disconnect();
  child.kill('SIGTERM');
  t.same(await exited, [0, null]);
});

t.test('what it cannot do it says in one sentence', async (t) => {
  const all = ['--admin', '127.0.0.1:0', '--secret', 'cymru', '--listen'];
  const { exited, said } = await run(t, ...all, 'tls/127.0.0.1:0');
  t.equal(said, 'wardline: A TLS listener needs both --cert and --key.\n');
  t.same(await exited, [1, null]);
  t.match((await run(t, ...all, 'sctp/127.0.0.1:0')).said, 'Write it as udp/127.0.0.1:5060');
});
