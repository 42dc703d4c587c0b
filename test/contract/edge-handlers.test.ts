// Request handlers: an HTTP server decides about new requests, and we connect to applications; as traced of drachtio-server (`outbound`).
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { createServer as createTcpServer, type Server as NetServer } from 'node:net';
import Srf from 'drachtio-srf';
import t, { type Test } from 'tap';
import type { RequestHandler } from '../../src/engine/edge/request-handlers.ts';
import type { SrfConnection, SrfDialog } from '../../src/pbx/leg/srf-types.ts';
import { makeTestCertificate } from '../support/certificate.ts';
import { edgeBench, SECRET } from '../support/edge-bench.ts';
import { SDP, SipPeer } from '../support/sip-peer.ts';

interface Asked {
  readonly method: string;
  readonly url: string;
  readonly agent: string;
  readonly body: string;
}

/** An HTTP server that gives these answers in turn, or none once they are used up. */
async function handler(t: Test, answers: unknown[]) {
  const asked: Asked[] = [];
  const server: Server = createServer(async (req: IncomingMessage, res) => {
    let body = '';
    for await (const chunk of req) body += chunk;
    asked.push({ method: req.method ?? '', url: req.url ?? '', agent: req.headers['user-agent'] ?? '', body });
    const answer = answers.shift();
    if (answer !== undefined) res.end(typeof answer === 'string' ? answer : JSON.stringify(answer));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  return { asked, url: `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}` };
}

async function bench(t: Test, requestHandlers: RequestHandler[]) {
  const edge = await edgeBench({ requestHandlers });
  const peer = await SipPeer.udp(edge.port('carrier/udp'));
  t.teardown(async () => {
    await peer[Symbol.asyncDispose]();
    await edge[Symbol.asyncDispose]();
  });
  return { edge, peer };
}

/** An unmodified drachtio-srf that waits to be connected to. */
async function listeningSrf(t: Test) {
  const server = createTcpServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const srf = new Srf() as unknown as SrfConnection & { listen(options: object): unknown };
  srf.listen({ server, secret: SECRET });
  srf.on('error', () => {});
  t.teardown(() => server.close());
  const address = server.address();
  return { srf, port: typeof address === 'object' ? (address?.port ?? 0) : 0 };
}

t.test("the question is drachtio's, and a call goes to an unmodified srf that listens", async (t) => {
  const { srf, port } = await listeningSrf(t);
  const answered = Promise.withResolvers<SrfDialog>();
  srf.use('invite', (req, res) => void srf.createUAS(req, res, { localSdp: SDP }).then(answered.resolve));
  const { asked, url } = await handler(t, [{ action: 'route', data: { uri: `127.0.0.1:${port}` } }]);
  const { edge, peer } = await bench(t, [{ method: '*', question: { by: 'GET', url } }]);
  const invite = peer.request('INVITE', { body: SDP, uri: 'sip:+1555;foo=bar@127.0.0.1:5060;x=1' });
  peer.send(invite);
  const ok = await peer.takeResponse(200);
  t.equal(
    asked[0]?.url,
    '/?method=INVITE&domain=127.0.0.1&protocol=udp&source_address=127.0.0.1&fromUser=peer&toUser=app&uriUser=%2b1555%3bfoo%3dbar&contentType=application%2fsdp&uri=sip%3a%2b1555%3bfoo%3dbar%40127.0.0.1%3a5060%3bx%3d1&x=1',
  );
  t.match(asked[0]?.agent, /^Drachtio\/v0\.9\.10/);
  peer.send(peer.within(invite, ok, 'ACK'));
  const dialog = await answered.promise;
  const destroyed = once(dialog, 'destroy');
  peer.send(peer.within(invite, ok, 'BYE'));
  await destroyed;
  await peer.takeResponse(200, 'BYE');
  t.equal(edge.edge.status().applications, 1, 'the connection stays until the application ends it');
});

t.test('reject, redirect, proxy and what cannot be understood', async (t) => {
  const answers: unknown[] = [];
  const { url } = await handler(t, answers);
  const { edge, peer } = await bench(t, [{ method: 'OPTIONS', question: { by: 'GET', url } }]);
  const target = await SipPeer.udp(edge.port('carrier/udp'));
  t.teardown(() => target[Symbol.asyncDispose]());
  for (const [answer, status, reason] of [
    [{ action: 'reject', data: { status: 503, reason: 'Max Calls' } }, 503, 'Max Calls'],
    [{ action: 'reject', data: { status: 480 } }, 480, 'Temporarily Unavailable'],
    [{ action: 'redirect', data: { contact: ['sip:foo@127.0.0.1:9'] } }, 302, 'Moved'],
    [{ action: 'route', data: { tag: 'nobody' } }, 480, 'Temporarily Unavailable'],
    [{ action: 'route', data: { uri: '127.0.0.1:1' } }, 480, 'Temporarily Unavailable'],
    [{ action: 'reject', data: { status: 200 } }, 500, 'Server Internal Error'],
    [{ action: 'bogus', data: {} }, 500, 'Server Internal Error'],
    ['no JSON', 500, 'Server Internal Error'],
    [['x'.repeat(70_000)], 500, 'Server Internal Error'],
  ] as const) {
    answers.push(answer);
    peer.send(peer.request('OPTIONS'));
    const response = await peer.takeResponse(status);
    t.equal(response.reason, reason, JSON.stringify(answer).slice(0, 80));
    if (status === 302) t.equal(response.headers.get('contact'), '<sip:foo@127.0.0.1:9>');
  }
  answers.push({ action: 'proxy', data: { destination: target.uri, recordRoute: true } });
  peer.send(peer.request('OPTIONS'));
  const seen = await target.takeRequest('OPTIONS');
  t.equal(seen.headers.get('max-forwards'), '69');
  target.answer(seen, 200, 'OK');
  await peer.takeResponse(200);
  peer.send(peer.request('REGISTER'));
  await peer.takeResponse(503, 'REGISTER');
});

t.test('by tag: the application that routes the method and has the tag; POST carries the message', async (t) => {
  const route = { action: 'route', data: { tag: 't2' } };
  const { asked, url } = await handler(t, [route, route]);
  const { edge, peer } = await bench(t, [{ method: 'MESSAGE', question: { by: 'POST', url } }]);
  const plain = await (await edge.raw()).ready('message');
  const other = await edge.raw();
  await other.ask(`authenticate|${SECRET}|t3`);
  await other.ask('route|message');
  const tagged = await edge.raw();
  await tagged.ask(`authenticate|${SECRET}|t1,t2`);
  await tagged.ask('route|message');
  for (let sent = 0; sent < 2; sent++) {
    peer.send(peer.request('MESSAGE', { headers: [['Content-Type', 'text/plain']], body: 'hello' }));
    const { fields } = await tagged.takeSip('MESSAGE');
    await tagged.ask(`sip|${fields[8]}|\r\nSIP/2.0 200 OK\r\n\r\n`);
    await peer.takeResponse(200);
  }
  t.match(asked[0], { method: 'POST', body: /^MESSAGE sip:[\s\S]*\r\n\r\nhello$/ });
  t.notOk([...plain.frames, ...other.frames].some(({ fields }) => fields[1] === 'sip'));
});

t.test(
  'connected to without a question; an application with the wrong secret, and a caller who gives up meanwhile',
  async (t) => {
    const { srf, port } = await listeningSrf(t);
    srf.use('options', (_req, res) => res.send(200));
    const place = { host: '127.0.0.1', port, isSecure: false };
    const { asked, url } = await handler(t, []);
    const { edge, peer } = await bench(t, [
      { method: 'OPTIONS', question: { by: 'connection', place } },
      { method: 'INVITE', question: { by: 'GET', url } },
    ]);
    peer.send(peer.request('OPTIONS'));
    await peer.takeResponse(200);

    const invite = peer.request('INVITE', { body: SDP });
    peer.send(invite);
    await peer.takeResponse(100);
    while (asked.length === 0) await new Promise((resolve) => setImmediate(resolve));
    peer.send({
      ...invite,
      method: 'CANCEL',
      headers: invite.headers.with('CSeq', '1 CANCEL'),
      body: new Uint8Array(),
    });
    await peer.takeResponse(200, 'CANCEL');
    await peer.takeResponse(487, 'INVITE');

    const stranger = await edgeBench({
      secret: 'other',
      requestHandlers: [{ method: '*', question: { by: 'connection', place } }],
    });
    t.teardown(() => stranger[Symbol.asyncDispose]());
    const caller = await SipPeer.udp(stranger.port('carrier/udp'));
    t.teardown(() => caller[Symbol.asyncDispose]());
    caller.send(caller.request('OPTIONS'));
    await caller.takeResponse(480);
    t.equal(edge.edge.status().pendingIn, 0);
  },
);

t.test('to an application by TLS, whose certificate must be one that we trust', async (t) => {
  const { certificate, key, ca } = await makeTestCertificate();
  const srf = new Srf() as unknown as SrfConnection & { listen(options: object): NetServer };
  const server = srf.listen({ host: '127.0.0.1', port: 0, secret: SECRET, tls: { cert: certificate, key } });
  srf.on('error', () => {});
  srf.use('options', (_req, res) => res.send(200));
  await once(server, 'listening');
  t.teardown(() => server.close());
  const address = server.address();
  const port = typeof address === 'object' ? (address?.port ?? 0) : 0;
  const requestHandlers = [
    { method: '*', question: { by: 'connection', place: { host: '127.0.0.1', port, isSecure: true } } },
  ] as const;
  for (const trust of [ca, undefined]) {
    await using edge = await edgeBench({ requestHandlers, ...(trust !== undefined && { trust }) });
    await using peer = await SipPeer.udp(edge.port('carrier/udp'));
    peer.send(peer.request('OPTIONS'));
    t.ok(await peer.takeResponse(trust === undefined ? 480 : 200));
  }
});
