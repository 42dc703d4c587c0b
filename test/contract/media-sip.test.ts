// The media server's SIP side by hand: the 200 until its ACK, re-INVITEs in order, CANCEL, OPTIONS, strangers (RFC 3261 §12.2.2, §13.3.1.4).
import { once } from 'node:events';
import { createServer } from 'node:net';
import t from 'tap';
import { mediaBench, ON_FREESWITCH } from '../support/media-bench.ts';
import { udpPeer } from '../support/sip-bench.ts';

const SDP = ['v=0', 'o=- 1 1 IN IP4 127.0.0.1', 's=-', 'c=IN IP4 127.0.0.1', 't=0 0', 'm=audio 4000 RTP/AVP 8 101']
  .concat(['a=rtpmap:8 PCMA/8000', 'a=rtpmap:101 telephone-event/8000', ''])
  .join('\r\n');

interface Parts {
  readonly cseq?: number;
  readonly toTag?: string;
  readonly body?: string;
  readonly controller?: string;
  readonly branch?: string;
}

function message(method: string, port: number, parts: Parts = {}): string {
  const { cseq = 1, toTag, body = '', controller = '127.0.0.1:9', branch = `${method}${cseq}` } = parts;
  return [
    `${method} sip:drachtio@127.0.0.1 SIP/2.0`,
    `Via: SIP/2.0/UDP 127.0.0.1:${port};branch=z9hG4bK${branch}`,
    'Max-Forwards: 70',
    'From: <sip:app@127.0.0.1>;tag=f',
    `To: <sip:drachtio@127.0.0.1>${toTag === undefined ? '' : `;tag=${toTag}`}`,
    'Call-ID: c1',
    `CSeq: ${cseq} ${method}`,
    `Contact: <sip:app@127.0.0.1:${port}>`,
    `X-esl-outbound: ${controller}`,
    ...(body === '' ? [] : ['Content-Type: application/sdp']),
    `Content-Length: ${Buffer.byteLength(body)}`,
    '',
    body,
  ].join('\r\n');
}

/** A controller that accepts, reads and says nothing, so that calls stay. */
async function controller() {
  const server = createServer((socket) => socket.on('error', () => undefined).resume()).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  t.teardown(() => server.close());
  return `127.0.0.1:${address !== null && typeof address === 'object' ? address.port : 0}`;
}

t.test('the 200 is sent again until the ACK; A-law is spoken to who offers it alone', async (t) => {
  await using bench = await mediaBench();
  await using peer = await udpPeer();
  const { port } = bench.server.sip;
  let count = 0;
  // FreeSWITCH says 100 to a re-INVITE as well.
  const next = async (): Promise<string> => {
    const heard = await peer.nth(++count);
    return heard.startsWith('SIP/2.0 100 ') && count > 1 ? next() : heard;
  };
  peer.send(message('INVITE', peer.port, { body: SDP, controller: await controller() }), port);
  t.match(await next(), /^SIP\/2.0 100 /);
  const first = await next();
  t.match(first, /^SIP\/2.0 200 OK[\s\S]*m=audio \d+ RTP\/AVP 8 101/);
  t.match(
    first,
    /\r\nContact: <sip:drachtio@127\.0\.0\.1:\d+;transport=udp>\r\n[\s\S]*\r\nAccept: application\/sdp\r\nAllow: /,
  );
  t.equal(await next(), first, 'after half a second');
  const toTag = /To: .*;tag=(\w+)/.exec(first)?.[1] ?? '';
  peer.send(message('ACK', peer.port, { toTag, cseq: 77 }), port);
  t.equal(await next(), first, 'an ACK to another INVITE is not the one');
  peer.send(message('ACK', peer.port, { toTag }), port);
  peer.send(message('INVITE', peer.port, { toTag, cseq: 3, body: SDP.replace('8 101', '0') }), port);
  const second = await next();
  t.match(second, /200 OK[\s\S]*CSeq: 3 INVITE[\s\S]*RTP\/AVP 0\r\n/);
  peer.send(message('INVITE', peer.port, { toTag, cseq: 4, body: SDP }), port);
  t.match(await next(), ON_FREESWITCH ? /^SIP\/2.0 500 Over/ : /^SIP\/2.0 491 /, 'the one before waits for its ACK');
  peer.send(message('ACK', peer.port, { toTag, cseq: 3 }), port);
  peer.send(message('ACK', peer.port, { toTag, cseq: 4, branch: 'INVITE4' }), port);
  peer.send(message('INFO', peer.port, { toTag, cseq: 2 }), port);
  t.match(await next(), /^SIP\/2.0 500 [\s\S]*CSeq: 2 INFO/, 'an old number');
  peer.send(message('BYE', peer.port, { toTag, cseq: 5 }), port);
  t.match(await next(), /^SIP\/2.0 200 OK[\s\S]*CSeq: 5 BYE/);
  peer.send(message('BYE', peer.port, { toTag, cseq: 6 }), port);
  t.match(await next(), /^SIP\/2.0 481 /);
  t.equal(bench.server.status().calls, 0);
});

t.test('an INVITE that requires an extension, or brings no description, is refused by what it lacks', async (t) => {
  await using bench = await mediaBench();
  await using peer = await udpPeer();
  const { port } = bench.server.sip;
  const invite = message('INVITE', peer.port, { body: SDP, controller: await controller() }).replace('c1', 'c2');
  peer.send(invite.replace('Max-Forwards', 'Require: path-not-known\r\nMax-Forwards'), port);
  t.match(await peer.nth(1), /^SIP\/2.0 420 [\s\S]*\r\nUnsupported: path-not-known\r\n/, 'RFC 3261 §8.2.2.3');
  peer.send(message('ACK', peer.port, { branch: 'INVITE1' }).replace('c1', 'c2'), port);
  const text = invite
    .replace('application/sdp', 'text/plain')
    .replace('CSeq: 1', 'CSeq: 2')
    .replace('bKINVITE1', 'bKI2');
  peer.send(text, port);
  t.match(await peer.nth(2), /^SIP\/2.0 415 [\s\S]*\r\nAccept: application\/sdp\r\n/, 'RFC 3261 §8.2.3');
  t.equal(bench.server.status().calls, 0);
});

t.test('OPTIONS is answered, other methods refused, a dialog that nobody has is 481', async (t) => {
  await using bench = await mediaBench();
  await using peer = await udpPeer();
  const { port } = bench.server.sip;
  peer.send(message('OPTIONS', peer.port), port);
  t.match(await peer.nth(1), /^SIP\/2.0 200 OK(?=[\s\S]*Allow: INVITE)[\s\S]*Accept: application\/sdp/);
  peer.send(message('REGISTER', peer.port), port);
  t.match(await peer.nth(2), /^SIP\/2.0 405 /);
  peer.send(message('INVITE', peer.port, { toTag: 'gone', body: SDP }), port);
  t.match(await peer.nth(3), /^SIP\/2.0 481 /);
});
