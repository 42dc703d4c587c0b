// What a leg's port does with STUN and DTLS before anybody has proven anything: answers who knows the password, and few of them.
import { randomBytes } from 'node:crypto';
import t from 'tap';
import { DtlsTransport, isHandshake } from '../../src/engine/runtime/dtls-transport.ts';
import type { MediaSocket } from '../../src/engine/runtime/media-socket.ts';
import { fingerprintOf } from '../../src/protocol/dtls/identity.ts';
import { isDtls } from '../../src/protocol/dtls/record.ts';
import type { DtlsAudio } from '../../src/protocol/sdp/audio.ts';
import { formatStun, isStun, StunAttribute, StunType } from '../../src/protocol/stun/message.ts';
import { ALICE, BOB, dtlsPair, SUITES } from '../support/dtls-pair.ts';
import { ManualClock } from '../support/manual-clock.ts';

const PEER = { host: '192.0.2.1', port: 4000 };
const STRANGER = { host: '203.0.113.9', port: 666 };
const TERMS: DtlsAudio = {
  role: 'server',
  identity: ALICE,
  fingerprint: fingerprintOf(BOB.certificate),
  suites: SUITES,
  local: { ufrag: 'ours', password: 'our-password-of-22-chars' },
  remote: { ufrag: 'theirs', password: 'their-password-22-chars' },
  candidates: [],
  isControlling: false,
  localTlsId: 'the-association-by-us',
  remoteTlsId: undefined,
};

function bench() {
  const clock = new ManualClock();
  const sent: { readonly packet: Uint8Array; readonly host: string }[] = [];
  const socket: MediaSocket = {
    local: { host: '192.0.2.7', port: 20_000 },
    send: (packet, length, host) => sent.push({ packet: packet.subarray(0, length), host }),
    onPacket: undefined,
    sendRtcp: () => undefined,
    onRtcp: undefined,
    sendErrors: 0,
    [Symbol.dispose]: () => undefined,
  };
  const transport = new DtlsTransport({ socket, clock, random: randomBytes, onSecured: () => undefined });
  transport.configure(TERMS);
  return { clock, sent, transport };
}

function check(): Buffer {
  const attributes = [[StunAttribute.username, Buffer.from('ours:theirs')]] as const;
  const marks = { password: TERMS.local.password, hasFingerprint: true };
  return formatStun(StunType.request, randomBytes(12), attributes, marks);
}

t.test('RFC 7983 §7: the first byte tells what a packet is', async (t) => {
  const kinds = [0, 3, 20, 63, 64, 127, 128, 191].map((byte) => isHandshake(Buffer.of(byte)));
  t.same(kinds, [true, true, true, true, false, false, false, false]);
  t.same(
    [19, 20, 63, 64].map((byte) => isDtls(Buffer.of(byte))),
    [false, true, true, false],
  );
});

t.test('a flood of checks, each of them good, is answered eighty times, then as time allows', async (t) => {
  const { clock, sent, transport } = bench();
  const answers = () => sent.filter(({ packet }) => packet[0] === 1 && packet[1] === 1).length;
  for (let n = 0; n < 5_000; n++) transport.accept(check(), PEER.host, PEER.port);
  t.equal(answers(), 80);
  clock.advance(20);
  transport.tick();
  for (let n = 0; n < 5_000; n++) transport.accept(check(), PEER.host, PEER.port);
  t.equal(answers(), 88);
});

t.test(
  'DTLS from where ICE knows nobody is not even answered; from a checked address it is, when the pair is valid',
  async (t) => {
    const { clock, sent, transport } = bench();
    const { client, sent: flights } = dtlsPair();
    client.step(0);
    const hello = flights[0]?.datagram ?? Buffer.alloc(0);
    for (const { host, port } of [PEER, STRANGER]) transport.accept(hello, host, port);
    t.equal(sent.length, 0);
    transport.accept(check(), PEER.host, PEER.port);
    // Our own check back has to be answered first, from the same address.
    const back = sent.find(({ packet }) => isStun(packet) && packet[0] === 0)?.packet ?? Buffer.alloc(20);
    const marks = { password: TERMS.remote.password, hasFingerprint: true };
    transport.accept(formatStun(StunType.success, back.subarray(8, 20), [], marks), PEER.host, PEER.port);
    transport.accept(hello, STRANGER.host, STRANGER.port);
    t.notOk(
      sent.some(({ packet }) => isDtls(packet)),
      'a stranger still is one',
    );
    transport.accept(hello, PEER.host, PEER.port);
    clock.advance(20);
    transport.tick();
    const replies = sent.filter(({ packet }) => isDtls(packet));
    t.ok(replies.length > 0 && replies.every(({ host }) => host === PEER.host));
  },
);

t.test(
  'a check that the peer signed proves no address: no DTLS goes where nobody answered a check of ours',
  async (t) => {
    const { clock, sent, transport } = bench();
    const { client, sent: flights } = dtlsPair();
    client.step(0);
    const attributes = [
      [StunAttribute.username, Buffer.from('ours:theirs')],
      [StunAttribute.useCandidate, Buffer.alloc(0)],
    ] as const;
    const marks = { password: TERMS.local.password, hasFingerprint: true };
    // As whoever heard it on the way repeats it from elsewhere, or as the peer itself sends it in a third party's name.
    transport.accept(formatStun(StunType.request, randomBytes(12), attributes, marks), STRANGER.host, STRANGER.port);
    transport.accept(flights[0]?.datagram ?? Buffer.alloc(0), STRANGER.host, STRANGER.port);
    for (let ms = 0; ms < 30_000; ms += 20) {
      clock.advance(20);
      transport.tick();
    }
    t.notOk(sent.some(({ packet }) => isDtls(packet)));
  },
);

t.test('strangers who know nothing of the session cost the peer none of its turns', async (t) => {
  const { sent, transport } = bench();
  const attributes = [[StunAttribute.username, Buffer.from('guess:theirs')]] as const;
  const marks = { password: 'guess', hasFingerprint: true };
  const guesses = [
    Buffer.from([22, 0xfe, 0xfd, ...randomBytes(40)]),
    Buffer.from([2, ...randomBytes(40)]),
    formatStun(StunType.request, randomBytes(12), attributes, marks),
    formatStun(StunType.success, randomBytes(12), [], marks),
  ];
  for (let n = 0; n < 500; n++) {
    for (const each of guesses) transport.accept(Buffer.from(each), STRANGER.host, STRANGER.port);
  }
  t.equal(sent.length, 0);
  transport.accept(check(), PEER.host, PEER.port);
  t.ok(
    sent.some(({ packet, host }) => packet[0] === 1 && host === PEER.host),
    'its check is answered',
  );
});
