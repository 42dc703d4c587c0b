// `wardline edge` as a drop-in for drachtio-server: unmodified drachtio-srf answers a call over UDP and TLS, and it ends when told to.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Srf from 'drachtio-srf';
import t, { type Test } from 'tap';
import type { SrfConnection } from '../../src/pbx/leg/srf-types.ts';
import { until } from '../support/appliance.ts';
import { makeTestCertificate } from '../support/certificate.ts';
import { SDP, SipPeer } from '../support/sip-peer.ts';
import { WebPhone } from '../support/web-phone.ts';

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
      if (said.includes(args.includes('--admin-tls') ? 'by TLS at' : 'connect at')) resolve(said);
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

t.test(
  'browsers’ phones over WSS, phones over IPv6, client certificates, and an application that connects by TLS',
  async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'edge-'));
    t.teardown(() => rmSync(folder, { recursive: true, force: true }));
    const [ours, desk] = await Promise.all([
      makeTestCertificate(['127.0.0.1', '::1']),
      makeTestCertificate(['desk-1']),
    ]);
    writeFileSync(join(folder, 'cert.pem'), ours.certificate);
    writeFileSync(join(folder, 'key.pem'), ours.key, { mode: 0o600 });
    writeFileSync(join(folder, 'phones.pem'), desk.ca);
    const files = ['--cert', join(folder, 'cert.pem'), '--key', join(folder, 'key.pem')];
    const listen = ['udp/[::1]:0', 'wss/127.0.0.1:0', 'tls/[::1]:0'].flatMap((each) => ['--listen', each]);
    const admin = ['--admin', '127.0.0.1:0', '--admin-tls', '127.0.0.1:0', '--secret', 'cymru'];
    const { child, exited, said } = await run(
      t,
      ...admin,
      ...listen,
      ...files,
      '--client-ca',
      join(folder, 'phones.pem'),
    );

    const srf = new Srf() as unknown as SrfConnection;
    const { ca } = ours;
    const byTls = { host: '127.0.0.1', port: portOf(said, 'by TLS at '), secret: 'cymru', tls: { ca } };
    srf.connect(byTls);
    await once(srf, 'connect');
    const subjects: Array<string | undefined> = [];
    srf.use('register', (req, res) => {
      subjects.push(req.get('X-Wardline-Client-Subject'));
      res.send(200, { headers: { Contact: `${req.get('Contact')};expires=600` } });
    });
    await using web = new WebPhone(`wss://127.0.0.1:${portOf(said, 'wss')}`, '5550101', ca);
    await web.register();
    await using clear = await SipPeer.udp(portOf(said, 'at udp'), '::1');
    const lie = [['X-Wardline-Client-Subject', 'CN=desk-9']] as const;
    clear.send(clear.request('REGISTER', { headers: lie }));
    t.match((await clear.takeResponse(200)).headers.get('via'), /^SIP\/2\.0\/UDP \[::1\]:\d+;/);
    await using proven = await SipPeer.tls(portOf(said, 'tls'), ca, {
      host: '::1',
      cert: desk.certificate,
      key: desk.key,
    });
    proven.send(proven.request('REGISTER', { headers: lie }));
    await proven.takeResponse(200);
    t.same(subjects, [undefined, undefined, 'CN=desk-1']);
    srf.disconnect();
    child.kill('SIGTERM');
    t.same(await exited, [0, null]);
  },
);

t.test('it connects to an application that listens, and takes a new certificate on SIGHUP', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'edge-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const [first, second] = [await makeTestCertificate(), await makeTestCertificate()];
  const write = ({ certificate, key }: typeof first) => {
    writeFileSync(join(folder, 'cert.pem'), certificate);
    writeFileSync(join(folder, 'key.pem'), key, { mode: 0o600 });
  };
  write(first);
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  const srf = new Srf() as unknown as SrfConnection & { listen(options: object): unknown };
  srf.listen({ server, secret: 'cymru' });
  srf.use('options', (_req, res) => res.send(200));
  const address = server.address();
  const port = typeof address === 'object' ? address?.port : 0;
  const files = ['--cert', join(folder, 'cert.pem'), '--key', join(folder, 'key.pem')];
  const listen = ['--listen', 'udp/127.0.0.1:0', '--listen', 'tls/127.0.0.1:0'];
  const handler = ['--request-handler', `OPTIONS tcp://127.0.0.1:${port}`];
  const args = ['--admin', '127.0.0.1:0', '--secret', 'cymru', ...listen, ...files, ...handler];
  const { child, exited, said } = await run(t, ...args);
  await using trunk = await SipPeer.udp(portOf(said, 'at udp'));
  trunk.send(trunk.request('OPTIONS'));
  await trunk.takeResponse(200);

  write(second);
  child.kill('SIGHUP');
  const isNew = async () => {
    const peer = await SipPeer.tls(portOf(said, 'tls'), second.ca).catch(() => undefined);
    await peer?.[Symbol.asyncDispose]();
    return peer !== undefined;
  };
  t.ok(await until(isNew), 'the next connection sees it');
  child.kill('SIGTERM');
  t.same(await exited, [0, null]);
});

t.test('what it cannot do it says in one sentence', async (t) => {
  const all = ['--admin', '127.0.0.1:0', '--secret', 'cymru', '--listen'];
  const { exited, said } = await run(t, ...all, 'tls/127.0.0.1:0');
  t.equal(said, 'wardline: A TLS or WSS listener, and --admin-tls, need both --cert and --key.\n');
  t.same(await exited, [1, null]);
  t.match((await run(t, ...all, 'sctp/127.0.0.1:0')).said, 'Write it as udp/127.0.0.1:5060');
  const handler = ['udp/127.0.0.1:0', '--request-handler', 'INVITE BYE ftp://x'];
  t.match((await run(t, ...all, ...handler)).said, 'Write it as http://127.0.0.1:8080/');
});
