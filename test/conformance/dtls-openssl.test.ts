// DTLS 1.2 against an implementation that nobody here wrote: OpenSSL as client and as server, with each SRTP profile; both export the same keys.
import type { ChildProcess } from 'node:child_process';
import { spawn, spawnSync } from 'node:child_process';
import { randomBytes, X509Certificate } from 'node:crypto';
import type { Socket } from 'node:dgram';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Test } from 'tap';
import t from 'tap';
import { fingerprintOf } from '../../src/protocol/dtls/identity.ts';
import { DtlsSession } from '../../src/protocol/dtls/session.ts';
import type { SrtpSession, SrtpSuite } from '../../src/protocol/rtp/srtp-suite.ts';
import { masterBytes } from '../../src/protocol/rtp/srtp-suite.ts';
import { ALICE, SUITES } from '../support/dtls-pair.ts';

const HOST = '127.0.0.1';
const DEADLINE_MS = 30_000;
const skip =
  spawnSync('openssl', ['version']).status === 0 ? false : 'openssl is not installed (Debian package: openssl)';
const PROFILES: Readonly<Partial<Record<SrtpSuite, string>>> = {
  AEAD_AES_256_GCM: 'SRTP_AEAD_AES_256_GCM',
  AEAD_AES_128_GCM: 'SRTP_AEAD_AES_128_GCM',
  AES_CM_128_HMAC_SHA1_80: 'SRTP_AES128_CM_SHA1_80',
};

/** A self-signed certificate made by OpenSSL, as a file each. */
function makeCertificate(t: Test, kind: readonly string[]): { key: string; certificate: string } {
  const folder = t.testdir();
  const [key, certificate] = [join(folder, 'key.pem'), join(folder, 'certificate.pem')];
  const args = ['req', '-x509', '-nodes', '-subj', '/CN=peer', '-newkey', ...kind, '-keyout', key, '-out', certificate];
  const made = spawnSync('openssl', args);
  if (made.status !== 0) throw new Error(made.stderr.toString());
  return { key, certificate };
}

async function bound(): Promise<Socket> {
  const socket = createSocket('udp4').bind(0, HOST);
  await once(socket, 'listening');
  return socket;
}

/** What OpenSSL printed as its exported keys, in the order of the profile: client, server, client's salt, server's. */
function exported(printed: string): string | undefined {
  return /Keying material: ([0-9A-F]+)/.exec(printed)?.[1]?.toLowerCase();
}

function inOrder({ suite, local, remote }: SrtpSession, isClient: boolean): string {
  const [client, server] = isClient ? [local.master, remote.master] : [remote.master, local.master];
  const salt = suite.includes('GCM') ? 12 : 14;
  const parts = [client.slice(0, -salt), server.slice(0, -salt), client.slice(-salt), server.slice(-salt)];
  return Buffer.concat(parts).toString('hex');
}

/** Runs our session over `socket` beside OpenSSL until both have keys or one fails. */
async function meet(session: DtlsSession, socket: Socket, openssl: ChildProcess): Promise<string> {
  let printed = '';
  openssl.stdout?.on('data', (text: Buffer) => {
    printed += text;
  });
  socket.on('message', (datagram) => session.receive(datagram, performance.now()));
  const endsAt = performance.now() + DEADLINE_MS;
  while (performance.now() < endsAt && session.state !== 'failed') {
    session.step(performance.now());
    if (session.state === 'connected' && exported(printed) !== undefined) break;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return exported(printed) ?? printed;
}

function exportArgs(suite: SrtpSuite): string[] {
  const profile = PROFILES[suite] ?? '';
  return [
    '-use_srtp',
    profile,
    '-keymatexport',
    'EXTRACTOR-dtls_srtp',
    '-keymatexportlen',
    `${2 * masterBytes(suite)}`,
  ];
}

function certificateOf(file: string): Buffer {
  return new X509Certificate(readFileSync(file)).raw;
}

for (const suite of SUITES) {
  t.test(`we serve, OpenSSL is the client: ${suite}`, { skip }, async (t) => {
    const theirs = makeCertificate(t, ['rsa:2048']);
    const socket = await bound();
    const args = ['s_client', '-dtls1_2', '-connect', `${HOST}:${socket.address().port}`, ...exportArgs(suite)];
    const client = spawn('openssl', [...args, '-cert', theirs.certificate, '-key', theirs.key]);
    t.teardown(() => {
      client.kill();
      socket.close();
    });
    const [first, from] = await once(socket, 'message');
    const send = (datagram: Buffer) => socket.send(datagram, from.port, HOST);
    const fingerprint = fingerprintOf(certificateOf(theirs.certificate));
    const options = {
      role: 'server',
      identity: ALICE,
      fingerprint,
      suites: SUITES,
      random: randomBytes,
      send,
    } as const;
    const session = new DtlsSession(options, performance.now());
    session.receive(first, performance.now());
    const keys = await meet(session, socket, client);
    t.equal(session.state, 'connected', `fault ${session.fault}`);
    t.equal(session.srtp?.suite, suite);
    if (session.srtp) t.equal(inOrder(session.srtp, false), keys);
  });

  t.test(`OpenSSL serves, with a cookie to bring back, we are the client: ${suite}`, { skip }, async (t) => {
    const isRsa = suite === 'AES_CM_128_HMAC_SHA1_80';
    const theirs = makeCertificate(t, isRsa ? ['rsa:2048'] : ['ec', '-pkeyopt', 'ec_paramgen_curve:P-256']);
    const [socket, free] = [await bound(), await bound()];
    const { port } = free.address();
    await new Promise<void>((resolve) => free.close(resolve));
    const certificate = ['-cert', theirs.certificate, '-key', theirs.key];
    const listen = ['s_server', '-dtls1_2', '-listen', '-accept', `${HOST}:${port}`, '-Verify', '1'];
    const server = spawn('openssl', [...listen, ...certificate, ...exportArgs(suite)]);
    t.teardown(() => {
      server.kill();
      socket.close();
    });
    await once(server.stdout, 'data');
    const send = (datagram: Buffer) => socket.send(datagram, port, HOST);
    const fingerprint = fingerprintOf(certificateOf(theirs.certificate));
    const options = {
      role: 'client',
      identity: ALICE,
      fingerprint,
      suites: [suite],
      random: randomBytes,
      send,
    } as const;
    const session = new DtlsSession(options, performance.now());
    const keys = await meet(session, socket, server);
    t.equal(session.state, 'connected', `fault ${session.fault}`);
    if (session.srtp) t.equal(inOrder(session.srtp, true), keys);
  });
}

t.test('a wrong fingerprint: OpenSSL is refused, and told so', { skip }, async (t) => {
  const theirs = makeCertificate(t, ['ec', '-pkeyopt', 'ec_paramgen_curve:P-256']);
  const socket = await bound();
  const args = [
    's_client',
    '-dtls1_2',
    '-connect',
    `${HOST}:${socket.address().port}`,
    ...exportArgs('AEAD_AES_256_GCM'),
  ];
  const client = spawn('openssl', [...args, '-cert', theirs.certificate, '-key', theirs.key]);
  let said = '';
  client.stderr.on('data', (text: Buffer) => {
    said += text;
  });
  t.teardown(() => {
    client.kill();
    socket.close();
  });
  const [first, from] = await once(socket, 'message');
  const send = (datagram: Buffer) => socket.send(datagram, from.port, HOST);
  const options = { role: 'server', identity: ALICE, suites: SUITES, random: randomBytes, send } as const;
  const session = new DtlsSession({ ...options, fingerprint: new Uint8Array(32) }, performance.now());
  session.receive(first, performance.now());
  const ended = once(client, 'exit');
  await meet(session, socket, client);
  t.equal(session.state, 'failed');
  t.equal(session.srtp, undefined);
  await ended;
  t.match(said, /alert bad certificate/);
});
