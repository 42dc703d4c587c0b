// A leg whose keys come by ICE and DTLS, over loopback with a clock that is moved: tones, keys of each suite, re-offers, and who is not heard.
import { randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import type { Test } from 'tap';
import t from 'tap';
import { noCounts } from '../../src/engine/media-server/audio/counters.ts';
import { InboundAudio } from '../../src/engine/media-server/audio/inbound.ts';
import type { AudioLeg } from '../../src/engine/media-server/audio/leg.ts';
import { openAudioLeg } from '../../src/engine/media-server/audio/leg.ts';
import { OutboundAudio } from '../../src/engine/media-server/audio/outbound.ts';
import { LegRtcp } from '../../src/engine/media-server/audio/rtcp.ts';
import type { MediaPorts, MediaSocket } from '../../src/engine/runtime/media-socket.ts';
import { createMediaPorts } from '../../src/engine/runtime/media-socket.ts';
import { isDtls } from '../../src/protocol/dtls/record.ts';
import { writeReport } from '../../src/protocol/rtp/rtcp.ts';
import { SrtcpSender } from '../../src/protocol/rtp/srtcp.ts';
import { ToneGenerator } from '../../src/protocol/rtp/tone.ts';
import type { NegotiatedAudio, SdpRefusal } from '../../src/protocol/sdp/audio.ts';
import type { KeyPolicy } from '../../src/protocol/sdp/key-policy.ts';
import { DEFAULT_POLICY } from '../../src/protocol/sdp/key-policy.ts';
import type { AudioNegotiation, Negotiated } from '../../src/protocol/sdp/negotiation.ts';
import { createAudioNegotiation } from '../../src/protocol/sdp/negotiation.ts';
import { ALICE, BOB, newIdentity } from '../support/dtls-pair.ts';
import { dominantFrequency } from '../support/listen.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { steadyTone } from '../support/tone-level.ts';

const HOST = '127.0.0.1';
const TICK_SAMPLES = 160;
const HEARD_SAMPLES = 20 * TICK_SAMPLES;

interface Party {
  readonly leg: AudioLeg;
  readonly negotiation: AudioNegotiation;
}

/** Whose DTLS is lost on its way while `isLost` says so; ICE is not. */
function losing(ports: MediaPorts, isLost: () => boolean): MediaPorts {
  return {
    get inUse() {
      return ports.inUse;
    },
    [Symbol.asyncDispose]: () => ports[Symbol.asyncDispose](),
    async open() {
      const socket = await ports.open();
      const wrapped: MediaSocket = {
        local: socket.local,
        onPacket: undefined,
        onRtcp: undefined,
        sendErrors: 0,
        send(packet, length, host, port) {
          if (!isDtls(packet) || !isLost()) socket.send(packet, length, host, port);
        },
        sendRtcp: (packet, host, port) => socket.sendRtcp(packet, host, port),
        [Symbol.dispose]: () => socket[Symbol.dispose](),
      };
      socket.onPacket = (packet, host, port) => wrapped.onPacket?.(packet, host, port);
      return wrapped;
    },
  };
}

async function twoParties(t: Test, isLost: () => boolean = () => false) {
  const clock = new ManualClock();
  const ports = losing(createMediaPorts({ address: HOST, first: 0, last: 0, clock }), isLost);
  t.teardown(() => ports[Symbol.asyncDispose]());
  const party = async (identity: typeof ALICE): Promise<Party> => {
    const leg = await openAudioLeg({ ports, clock, random: randomBytes, nat: 'latch' });
    const more = { local: leg.local, sessionId: 1, secure: 'optional', random: randomBytes } as const;
    return { leg, negotiation: createAudioNegotiation({ ...more, identity }) };
  };
  const [a, b] = [await party(ALICE), await party(BOB)];
  /** Runs `ticks` of 20 ms, each saying its tone; what each heard at the end. */
  const converse = async (ticks: number): Promise<[number | undefined, number | undefined]> => {
    const says = [440, 1000].map((hz) => new ToneGenerator(steadyTone([hz], -20)));
    const heard = [a, b].map(() => new Int16Array(ticks * TICK_SAMPLES));
    const frame = new Int16Array(TICK_SAMPLES);
    for (let tick = 0; tick < ticks; tick++) {
      clock.advance(20);
      for (const [i, { leg }] of [a, b].entries()) {
        heard[i]?.set(leg.read(), tick * TICK_SAMPLES);
        says[i]?.read(frame);
        leg.write(frame);
      }
      for (let turn = 0; turn < 4; turn++) await new Promise(setImmediate);
    }
    const [ofA, ofB] = heard.map((all) => dominantFrequency(all.subarray(-HEARD_SAMPLES), 8000));
    return [ofA, ofB];
  };
  return { a, b, clock, ports, converse };
}

function agreed(result: Negotiated): { sdp: string; audio: NegotiatedAudio } {
  if ('refused' in result) throw new Error(result.refused);
  return result;
}

/** `offers` offers, `answers` answers, both legs are told; `onWay` changes a description on its way. */
function agree(offers: Party, answers: Party, onWay = (sdp: string) => sdp, isWebRtc = true): string {
  const offer = offers.negotiation.makeOffer({ isWebRtc });
  const answer = agreed(answers.negotiation.answerOffer(onWay(offer)));
  answers.leg.configure(answer.audio);
  offers.leg.configure(agreed(offers.negotiation.acceptAnswer(onWay(answer.sdp))).audio);
  return answer.sdp;
}

const tlsIdOf = (sdp: string | undefined) => /a=tls-id:(.*)\r\n/.exec(sdp ?? '')?.[1];

const isNear = (heard: number | undefined, hz: number) => heard !== undefined && Math.abs(heard - hz) < 4;

t.test('each suite that DTLS-SRTP has: tones both ways, and RTCP on the same port', async (t) => {
  for (const suite of ['AEAD_AES_256_GCM', 'AEAD_AES_128_GCM', 'AES_CM_128_HMAC_SHA1_80'] as const) {
    const { a, b, converse } = await twoParties(t);
    for (const { negotiation } of [a, b]) negotiation.policy = { ...DEFAULT_POLICY, suites: [suite] };
    const answer = agree(a, b);
    t.match(answer, /a=setup:active\r\n/);
    const [ofA, ofB] = await converse(400);
    t.ok(isNear(ofA, 1000) && isNear(ofB, 440), `${suite}: ${ofA} and ${ofB} Hz`);
    t.ok(a.leg.stats.reportsReceived > 0);
    t.match(a.leg.stats, { authFailures: 0, replays: 0, malformed: 0, wrongSource: 0 });
  }
});

t.test('a re-offer goes on where it was; new credentials start ICE anew, and the keys stay', async (t) => {
  const { a, b, converse } = await twoParties(t);
  agree(a, b);
  await converse(60);
  const first = a.negotiation.audio?.dtls;
  const id = tlsIdOf(a.negotiation.localSdp);
  t.match(id, /^[A-Za-z0-9+/_-]{20,255}$/);
  t.not(tlsIdOf(b.negotiation.localSdp), id, 'each side has its own');
  agree(b, a);
  t.equal(tlsIdOf(a.negotiation.localSdp), id, 'RFC 8842 §5.3: the association has kept its name');
  t.equal(a.negotiation.audio?.dtls?.role, first?.role, 'RFC 8842 §5.3: the roles stay');
  const [ofA, ofB] = await converse(80);
  t.ok(isNear(ofA, 1000) && isNear(ofB, 440), `${ofA} and ${ofB} Hz`);
  t.match([a.leg.stats.authFailures, b.leg.stats.authFailures], [0, 0], 'the same keys, the same roll-over counter');
});

t.test(
  'RFC 8842: another tls-id is another association, with the same certificate and over the same path',
  async (t) => {
    const { a, b, converse } = await twoParties(t);
    agree(a, b);
    await converse(60);
    const [before, keys] = [tlsIdOf(a.negotiation.localSdp), a.leg.stats.packetsReceived];
    t.ok(keys > 0);
    const anew = createAudioNegotiation({
      local: b.leg.local,
      sessionId: 2,
      secure: 'optional',
      random: randomBytes,
      identity: BOB,
    });
    agree({ leg: b.leg, negotiation: anew }, a);
    t.not(tlsIdOf(a.negotiation.localSdp), before, 'ours is new as well');
    const [ofA, ofB] = await converse(120);
    t.ok(isNear(ofA, 1000) && isNear(ofB, 440), `${ofA} and ${ofB} Hz`);
    // Third-party call control: our offer goes on, whoever answers it begins anew.
    const offered = agree(a, b);
    t.not(tlsIdOf(offered), tlsIdOf(anew.localSdp));
    const [thenA, thenB] = await converse(120);
    t.ok(isNear(thenA, 1000) && isNear(thenB, 440), `${thenA} and ${thenB} Hz`);
    t.match([a.leg.stats.authFailures, b.leg.stats.authFailures], [0, 0]);
  },
);

t.test('a peer without tls-id is not told ours, and goes on by its certificate', async (t) => {
  const { a, b, converse } = await twoParties(t);
  const without = (sdp: string) => sdp.replace(/a=tls-id:.*\r\n/, '');
  t.equal(tlsIdOf(agree(a, b, without)), undefined);
  await converse(60);
  agree(b, a, without);
  agree(a, b, (sdp) => sdp.replace(/a=tls-id:.*/, 'a=tls-id:short'));
  const [ofA, ofB] = await converse(80);
  t.ok(isNear(ofA, 1000) && isNear(ofB, 440), `${ofA} and ${ofB} Hz`);
  t.match([a.leg.stats.authFailures, b.leg.stats.authFailures], [0, 0]);
});

t.test(
  'a party with another certificate takes over: other keys; one that leaves DTLS for plain RTP is followed',
  async (t) => {
    const { a, b, converse } = await twoParties(t);
    agree(a, b);
    await converse(60);
    const other = createAudioNegotiation({
      local: b.leg.local,
      sessionId: 2,
      secure: 'optional',
      random: randomBytes,
      identity: newIdentity(),
    });
    agree({ leg: b.leg, negotiation: other }, a);
    const [ofA, ofB] = await converse(120);
    t.ok(isNear(ofA, 1000) && isNear(ofB, 440), `${ofA} and ${ofB} Hz`);
    agree(b, a, undefined, false);
    const [plainA, plainB] = await converse(80);
    t.ok(isNear(plainA, 1000) && isNear(plainB, 440), `${plainA} and ${plainB} Hz`);
  },
);

t.test('a wrong fingerprint: nothing is sent, nothing is heard, however long', async (t) => {
  const { a, b, converse } = await twoParties(t);
  agree(a, b, (sdp) =>
    sdp.replace(/(a=fingerprint:sha-256 )../, (_, name) => `${name}${sdp.includes(`${name}00`) ? '01' : '00'}`),
  );
  t.same(await converse(200), [undefined, undefined]);
  t.match([a.leg.stats.packetsSent, b.leg.stats.packetsSent], [0, 0], 'not a packet left');
});

t.test('RFC 8842: a handshake that came to nothing is begun anew, a few times; then by an offer', async (t) => {
  let isLost = true;
  const { a, b, clock, converse } = await twoParties(t, () => isLost);
  agree(a, b);
  // Half a minute is what a handshake is given; ICE needs its ticks meanwhile.
  for (let second = 0; second < 33; second++) await converse(50);
  t.match([a.leg.stats.packetsSent, b.leg.stats.packetsSent], [0, 0], 'no keys, nothing said');
  isLost = false;
  const [ofA, ofB] = await converse(200);
  t.ok(isNear(ofA, 1000) && isNear(ofB, 440), `${ofA} and ${ofB} Hz`);
  t.ok(clock.monotonic() < 60_000);
});

t.test(
  'a wrong fingerprint is tried a few times and no more; the right one in a re-INVITE is taken at once',
  async (t) => {
    let dtlsSent = 0;
    const { a, b, converse } = await twoParties(t, () => {
      dtlsSent++;
      return false;
    });
    const wrong = (sdp: string) => sdp.replace(/(a=fingerprint:sha-256 )../, '$1FF');
    agree(a, b, wrong);
    for (let second = 0; second < 40; second++) await converse(50);
    t.ok(dtlsSent < 200, `${dtlsSent} datagrams`);
    const before = dtlsSent;
    for (let second = 0; second < 5; second++) await converse(50);
    t.equal(dtlsSent, before, 'it has been given up');
    t.equal(a.leg.stats.packetsSent, 0);
    agree(a, b);
    const [ofA, ofB] = await converse(150);
    t.ok(isNear(ofA, 1000) && isNear(ofB, 440), `${ofA} and ${ofB} Hz`);
  },
);

t.test('without ICE, without RTCP on the same port, with SHA-1 alone, or by policy: refused', async (t) => {
  const { a, b } = await twoParties(t);
  const offer = a.negotiation.makeOffer({ isWebRtc: true });
  const refusal = (sdp: string, policy: Partial<KeyPolicy> = {}): SdpRefusal | undefined => {
    b.negotiation.policy = { ...DEFAULT_POLICY, ...policy };
    const result = b.negotiation.answerOffer(sdp);
    return 'refused' in result ? result.refused : undefined;
  };
  const without = (start: string) =>
    offer
      .split('\r\n')
      .filter((line) => !line.startsWith(start))
      .join('\r\n');
  for (const line of ['a=ice-pwd', 'a=ice-ufrag', 'a=rtcp-mux', 'a=fingerprint']) {
    t.equal(refusal(without(line)), 'no-usable-dtls', line);
  }
  t.equal(refusal(offer.replace('sha-256', 'sha-1')), 'no-usable-dtls');
  t.equal(refusal(offer.replace('setup:actpass', 'setup:holdconn')), 'no-usable-dtls');
  t.equal(refusal(offer, { suites: ['AES_256_CM_HMAC_SHA1_80'] }), 'no-usable-dtls', 'DTLS-SRTP has no number for it');
  t.equal(refusal(offer, { secure: 'forbidden' }), 'secure-forbidden');
  t.equal(refusal(offer, { secure: 'required' }), undefined);
  t.match(b.negotiation.localSdp, /a=group:BUNDLE 0\r\n/);
});

t.test('noise on the port is survived, costs little, and leaves the way to keys open', async (t) => {
  const { a, b, converse } = await twoParties(t);
  const noise = createSocket('udp4').bind(0, HOST);
  t.teardown(() => noise.close());
  await once(noise, 'listening');
  agree(a, b);
  for (let n = 0; n < 500; n++) {
    const packet = randomBytes(1 + (n % 200));
    packet[0] = n % 3 === 0 ? 0 : n % 3 === 1 ? 22 : 128;
    noise.send(packet, a.leg.local.port, HOST);
  }
  const [ofA, ofB] = await converse(150);
  t.ok(isNear(ofA, 1000) && isNear(ofB, 440), `${ofA} and ${ofB} Hz`);
});

t.test('closing tells the browser, and a browser that closes is sent nothing more', async (t) => {
  const { a, b, converse } = await twoParties(t);
  agree(a, b);
  await converse(60);
  b.leg[Symbol.dispose]();
  await converse(10);
  const { packetsSent } = a.leg.stats;
  await converse(20);
  t.equal(a.leg.stats.packetsSent, packetsSent);
});

t.test(
  'RFC 7675: reports go where ICE found consent, whoever carries a report of the peer in from elsewhere',
  async (t) => {
    const { a, b, clock } = await twoParties(t);
    agree(a, b);
    const { audio } = a.negotiation;
    if (audio === undefined) throw new Error('Nothing was agreed.');
    const master = randomBytes(28);
    const key = { master, mkiBytes: 0 };
    const remote = { host: '192.0.2.1', port: 4000 };
    const sentTo: string[] = [];
    const socket: MediaSocket = {
      local: a.leg.local,
      send: (_packet, _length, host) => sentTo.push(host),
      onPacket: undefined,
      sendRtcp: (_packet, host) => sentTo.push(host),
      onRtcp: undefined,
      sendErrors: 0,
      [Symbol.dispose]: () => undefined,
    };
    const counters = noCounts();
    const inbound = new InboundAudio(clock, counters, true, () => undefined);
    const outbound = new OutboundAudio(socket, counters, randomBytes);
    t.teardown(() => outbound[Symbol.dispose]());
    const rtcp = new LegRtcp({ socket, clock, random: randomBytes, counters, inbound, outbound });
    const srtp = { suite: 'AEAD_AES_128_GCM', local: key, remote: key } as const;
    rtcp.configure({ ...audio, remote, srtp, rtcp: 'mux' });
    const report = Buffer.alloc(200);
    const length = writeReport(report, { ssrc: 7, sender: undefined, blocks: [], isBye: false }, 'peer');
    const carried = new SrtcpSender(srtp.suite, master).protect(report.subarray(0, length));
    rtcp.accept(carried, '203.0.113.9', 666, true);
    for (let tick = 0; tick < 1_000; tick++) rtcp.tick();
    t.ok(sentTo.length > 0);
    t.same([...new Set(sentTo)], [remote.host]);
  },
);
