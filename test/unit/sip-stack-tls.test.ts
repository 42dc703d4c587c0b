// TLS and IPv6 of the SIP stack on loopback: versions and ciphers, certificates of peers, connection reuse (RFC 5922, RFC 5923).
import { once } from 'node:events';
import { type ConnectionOptions, connect as connectTls, type TLSSocket } from 'node:tls';
import t, { type Test } from 'tap';
import type { ListenerSpec, ServerTransaction, SipTarget } from '../../src/engine/runtime/sip-stack.ts';
import { TLS_CIPHERS } from '../../src/kernel/tls-ciphers.ts';
import { makeTestCertificate } from '../support/certificate.ts';
import {
  answer,
  recordingStack,
  recordResponses,
  requestFor,
  requestText,
  streamPeer,
  udpPeer,
} from '../support/sip-bench.ts';

const yes = (transaction: ServerTransaction) => transaction.respond(answer(transaction, 200));
const TLS: ListenerSpec = { name: 'phones', transport: 'tls', host: '127.0.0.1', port: 0 };

async function bench(t: Test, clients?: { mode: 'request' | 'require'; ca: string }) {
  const { ca, ...own } = await makeTestCertificate(['127.0.0.1']);
  const server = recordingStack({}, yes);
  t.teardown(() => server[Symbol.asyncDispose]());
  const tls = { ...own, ...(clients && { clients }) };
  const { port } = await server.stack.listen({ ...TLS, tls });
  const connect = async (options: ConnectionOptions = {}): Promise<TLSSocket> => {
    const socket = connectTls({ port, host: '127.0.0.1', ca, ...options });
    socket.on('error', () => {});
    t.teardown(() => socket.destroy());
    await once(socket, 'secureConnect');
    return socket;
  };
  return { ...server, port, connect };
}

t.test('TLS 1.2 and 1.3 with the named ciphers; what is older or weaker is refused and counted', async (t) => {
  const { connect, faults } = await bench(t);
  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    const socket = await connect({ minVersion: version, maxVersion: version });
    t.equal(socket.getProtocol(), version);
    t.ok(TLS_CIPHERS.includes(socket.getCipher().name) || TLS_CIPHERS.includes(socket.getCipher().standardName));
  }
  await t.rejects(connect({ maxVersion: 'TLSv1.2', ciphers: 'ECDHE-ECDSA-AES128-SHA' }), 'CBC');
  await t.rejects(connect({ minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' }));
  while (faults.length < 2) await new Promise(setImmediate);
  t.strictSame(faults, ['failed-handshake', 'failed-handshake']);
});

t.test(
  'a certificate that is asked for: who has a good one is known by its subject, others are let in unnamed',
  async (t) => {
    const [desk, forged] = await Promise.all([makeTestCertificate(['desk-1']), makeTestCertificate(['desk-1'])]);
    const { connect, requests } = await bench(t, { mode: 'request', ca: desk.ca });
    for (const [index, own] of [
      { cert: desk.certificate, key: desk.key },
      { cert: forged.certificate, key: forged.key },
      {},
    ].entries()) {
      await using peer = await streamPeer(await connect(own));
      peer.write(requestText({ via: `SIP/2.0/TLS 127.0.0.1;branch=z9hG4bK${index}` }));
      await peer.nth(1);
    }
    t.strictSame(
      requests.map(({ arrival }) => arrival.flow.clientSubject),
      ['CN=desk-1', undefined, undefined],
    );
  },
);

t.test(
  'a certificate that is required: nothing is read of who has none, a forged one or one of another CA',
  async (t) => {
    const [desk, forged] = await Promise.all([makeTestCertificate(['desk-1']), makeTestCertificate(['desk-1'])]);
    const { connect, requests } = await bench(t, { mode: 'require', ca: desk.ca });
    for (const own of [{}, { cert: forged.certificate, key: forged.key }]) {
      // With TLS 1.3 the client learns of the refusal after its own side of the handshake.
      await using peer = await streamPeer(await connect(own));
      peer.write(requestText({ via: 'SIP/2.0/TLS 127.0.0.1;branch=z9hG4bKno' }));
      await peer.closed;
    }
    await using peer = await streamPeer(await connect({ cert: desk.certificate, key: desk.key }));
    peer.write(requestText({ via: 'SIP/2.0/TLS 127.0.0.1;branch=z9hG4bKyes' }));
    await peer.nth(1);
    t.equal(requests.length, 1);
  },
);

t.test(
  'RFC 5923: a connection is reused toward a peer’s own port when its certificate shows that name, and for nobody else',
  async (t) => {
    const proxy = await makeTestCertificate(['proxy.example', '127.0.0.1']);
    const { connect, stack } = await bench(t, { mode: 'request', ca: proxy.ca });
    const own = { cert: proxy.certificate, key: proxy.key };
    const alias = (sentBy: string, branch: string) =>
      requestText({ via: `SIP/2.0/TLS ${sentBy};alias;branch=z9hG4bK${branch}` });
    const reached = async (target: Partial<SipTarget> & { port: number }) => {
      const seen = recordResponses();
      const sent = await stack.request(requestFor(), { transport: 'tls', host: '127.0.0.1', ...target }, seen.events);
      return sent.flow.isOpen ? sent.flow.remote.port : undefined;
    };
    const stranger = await connect();
    await using unproven = await streamPeer(stranger);
    unproven.write(alias('127.0.0.1:5061', 'thief'));
    await unproven.nth(1);
    t.equal(await reached({ port: 5061 }), undefined, 'anybody may write alias');
    const socket = await connect(own);
    await using proven = await streamPeer(socket);
    proven.write(alias('proxy.example:5061', 'proxy'));
    await proven.nth(1);
    t.equal(await reached({ port: 5061, serverName: 'proxy.example' }), socket.localPort);
    t.equal(await reached({ port: 5061, serverName: 'PROXY.example' }), socket.localPort);
    t.equal(await reached({ port: 5061 }), socket.localPort, 'its certificate shows the address too');
    t.equal(await reached({ port: 5061, serverName: 'other.example' }), undefined);
    t.equal(await reached({ port: 5062 }), undefined, 'not another port');
    proven.write(alias('proxy.example:5099', 'more'));
    await proven.nth(5);
    t.equal(await reached({ port: 5099, serverName: 'proxy.example' }), undefined, 'one alias a connection');
    socket.destroy();
    while (stack.load.connections > 1) await new Promise(setImmediate);
    t.equal(await reached({ port: 5061, serverName: 'proxy.example' }), undefined);
  },
);

t.test('IPv6: requests and answers over UDP, TCP and TLS on ::1, with brackets where they belong', async (t) => {
  const { ca, ...tls } = await makeTestCertificate(['::1']);
  await using server = recordingStack({}, yes);
  await using client = recordingStack({ trust: ca });
  const place = { host: '::1', port: 0 };
  for (const transport of ['udp', 'tcp', 'tls'] as const) {
    const { port } = await server.stack.listen({ name: 'phones', transport, ...place, tls });
    const own = await client.stack.listen({ name: 'own', transport, ...place, tls });
    const seen = recordResponses();
    const answered = seen.next();
    const { request, flow } = await client.stack.request(requestFor(), { transport, host: '::1', port }, seen.events);
    await answered;
    t.equal(seen.responses[0]?.status, 200, transport);
    t.match(request.headers.get('via'), `SIP/2.0/${transport.toUpperCase()} [::1]:${own.port}`);
    t.match(flow.remote, { host: '::1', port });
    t.equal(server.requests.at(-1)?.arrival.flow.remote.host, '::1');
  }
  const { port } = await server.stack.listen({ name: 'phones', transport: 'udp', ...place });
  await using peer = await udpPeer('::1');
  peer.send(requestText({ via: 'SIP/2.0/UDP [2001:db8::9]:5060;rport;branch=z9hG4bKsix' }), port);
  t.match(
    await peer.nth(1),
    new RegExp(`Via: SIP/2.0/UDP \\[2001:db8::9\\]:5060;rport=${peer.port};branch=z9hG4bKsix;received=::1\r\n`),
  );
});
