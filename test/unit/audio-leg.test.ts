// Audio legs over loopback: who is heard, what is heard, and what never is. Ticks are counted, not waited for.

import { randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';
import type { Test } from 'tap';
import t from 'tap';
import type { LocalLeg, NatPolicy } from '../../src/engine/media-server/audio/leg.ts';
import { openAudioLeg } from '../../src/engine/media-server/audio/leg.ts';
import type { MediaPorts } from '../../src/engine/runtime/media-socket.ts';
import { createMediaPorts } from '../../src/engine/runtime/media-socket.ts';
import { pcmu } from '../../src/kernel/g711.ts';
import { writeRtpHeader } from '../../src/protocol/rtp/packet.ts';
import type { SrtpSession, SrtpSuite } from '../../src/protocol/rtp/srtp-suite.ts';
import { masterBytes } from '../../src/protocol/rtp/srtp-suite.ts';
import { ToneGenerator } from '../../src/protocol/rtp/tone.ts';
import type { NegotiatedAudio } from '../../src/protocol/sdp/audio.ts';
import { dominantFrequency, isSilent, toneLevel, totalLevel } from '../support/listen.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { seeded } from '../support/seeded.ts';
import { steadyTone } from '../support/tone-level.ts';

const HOST = '127.0.0.1';

interface Bench {
  readonly clock: ManualClock;
  readonly ports: MediaPorts;
  leg(nat?: NatPolicy): Promise<LocalLeg>;
}

function bench(t: Test): Bench {
  const clock = new ManualClock();
  const ports = createMediaPorts({ address: HOST, first: 0, last: 0, clock });
  t.teardown(() => ports[Symbol.asyncDispose]());
  return { clock, ports, leg: (nat = 'strict') => openAudioLeg({ ports, clock, random: randomBytes, nat }) };
}

function plain(remote: LocalLeg, more: Partial<NegotiatedAudio> = {}): NegotiatedAudio {
  return {
    remote: remote.local,
    codec: 'PCMU',
    payloadTypes: { send: 0, receive: 0 },
    telephoneEvent: { send: 101, receive: 101 },
    direction: 'sendrecv',
    srtp: undefined,
    ...more,
  };
}

function keyPair(suite: SrtpSuite): [SrtpSession, SrtpSession] {
  const a = { master: new Uint8Array(randomBytes(masterBytes(suite))), mkiBytes: 0 };
  const b = { master: new Uint8Array(randomBytes(masterBytes(suite))), mkiBytes: 0 };
  return [
    { suite, local: a, remote: b },
    { suite, local: b, remote: a },
  ];
}

/** Lets the datagrams that were sent arrive: loopback is done within a few turns of the event loop. */
async function arrive(): Promise<void> {
  for (let turn = 0; turn < 4; turn++) await new Promise(setImmediate);
}

/** Runs `ticks` of 20 ms between two legs, each saying its tone; returns what each heard. */
async function converse(clock: ManualClock, legs: [LocalLeg, LocalLeg], hz: [number, number], ticks: number) {
  const say = hz.map((f) => new ToneGenerator(steadyTone([f], -20)));
  const heard = [new Int16Array(ticks * 160), new Int16Array(ticks * 160)] as const;
  const frame = new Int16Array(160);
  for (let tick = 0; tick < ticks; tick++) {
    clock.advance(20);
    for (const [i, leg] of legs.entries()) {
      heard[i]?.set(leg.read(), tick * 160);
      say[i]?.read(frame);
      leg.write(frame);
    }
    await arrive();
  }
  return heard;
}

for (const suite of [
  undefined,
  'AEAD_AES_256_GCM',
  'AEAD_AES_128_GCM',
  'AES_256_CM_HMAC_SHA1_80',
  'AES_CM_128_HMAC_SHA1_80',
] as const) {
  for (const codec of ['PCMU', 'PCMA'] as const) {
    t.test(`two legs hear each other's tone: ${codec}, ${suite ?? 'plain RTP'}`, async (t) => {
      const { clock, leg } = bench(t);
      const [a, b] = [await leg(), await leg()];
      const [aKeys, bKeys] = suite === undefined ? [undefined, undefined] : keyPair(suite);
      const payloadTypes = codec === 'PCMU' ? { send: 0, receive: 0 } : { send: 8, receive: 8 };
      a.configure(plain(b, { srtp: aKeys, codec, payloadTypes }));
      b.configure(plain(a, { srtp: bKeys, codec, payloadTypes }));
      const [atA, atB] = await converse(clock, [a, b], [440, 1000], 50);
      t.equal(dominantFrequency(atB.subarray(1600), 8000), 440);
      t.equal(dominantFrequency(atA.subarray(1600), 8000), 1000);
      const level = toneLevel(atB.subarray(1600), 8000, 440);
      t.ok(Math.abs(level + 20) < 0.5, `arrives as loud as it left: ${level.toFixed(2)} dBFS`);
      t.match(b.stats, { lost: 0, late: 0, authFailures: 0, wrongSource: 0, malformed: 0 });
      t.equal(b.stats.packetsReceived, a.stats.packetsSent);
    });
  }
}

t.test('plain RTP on a leg with keys, and a wrong key, give silence', async (t) => {
  const { clock, leg } = bench(t);
  const [aKeys, bKeys] = keyPair('AES_CM_128_HMAC_SHA1_80');
  const [otherKeys] = keyPair('AES_CM_128_HMAC_SHA1_80');
  const [a, b] = [await leg(), await leg()];
  b.configure(plain(a, { srtp: bKeys }));
  a.configure(plain(b));
  t.ok(isSilent((await converse(clock, [a, b], [440, 1000], 20))[1]), 'plain on a secured leg');
  a.configure(plain(b, { srtp: otherKeys }));
  t.ok(isSilent((await converse(clock, [a, b], [440, 1000], 20))[1]), 'wrong key');
  t.equal(b.stats.packetsReceived, 0);
  t.equal(b.stats.authFailures, 40);
  a.configure(plain(b, { srtp: aKeys }));
  t.equal(
    dominantFrequency((await converse(clock, [a, b], [440, 1000], 30))[1].subarray(1600), 8000),
    440,
    'right key',
  );
});

t.test('a recorded conversation sent again is not heard', async (t) => {
  const { clock, leg } = bench(t);
  const [aKeys, bKeys] = keyPair('AEAD_AES_128_GCM');
  const [a, b] = [await leg(), await leg()];
  const tap = createSocket('udp4');
  t.teardown(() => tap.close());
  await new Promise<void>((resolve) => tap.bind(0, HOST, resolve));
  const recorded: Buffer[] = [];
  tap.on('message', (packet) => recorded.push(Buffer.from(packet)));
  const tapAddress = { host: HOST, port: tap.address().port };
  a.configure({ ...plain(b, { srtp: aKeys }), remote: tapAddress });
  b.configure({ ...plain(a, { srtp: bKeys }), remote: tapAddress });
  await converse(clock, [a, b], [440, 1000], 10);
  const fromA = recorded.filter((packet) => packet.readUInt32BE(8) === recorded[0]?.readUInt32BE(8));
  for (const packet of [...fromA, ...fromA]) tap.send(packet, b.local.port, HOST);
  await arrive();
  t.equal(b.stats.packetsReceived, 10);
  t.equal(b.stats.replays, 10);
  b.configure({ ...plain(a, { srtp: { ...bKeys } }), remote: tapAddress });
  for (const packet of fromA) tap.send(packet, b.local.port, HOST);
  await arrive();
  t.equal(b.stats.packetsReceived, 10, 'nor after a re-INVITE with the same keys');
});

t.test(
  'RFC 3711 §3.3.1: a re-INVITE after the roll-over of sequence numbers keeps the roll-over counter',
  async (t) => {
    const { clock, leg } = bench(t);
    const [aKeys, bKeys] = keyPair('AES_CM_128_HMAC_SHA1_80');
    const [a, b] = [await leg(), await leg()];
    const reinvite = () => {
      a.configure(plain(b, { srtp: { ...aKeys } }));
      b.configure(plain(a, { srtp: { ...bKeys } }));
    };
    reinvite();
    const frame = new Int16Array(160);
    // Sequence numbers start in the lower half: one of these packets rolls over.
    for (let n = 0; n < 65_700; n++) {
      a.write(frame);
      // As slowly as packets may come: a flood is not listened to.
      if (n % 10 === 9) b.read();
      if (n % 64 === 63) await arrive();
    }
    await arrive();
    reinvite();
    const received = b.stats.packetsReceived;
    const [, heard] = await converse(clock, [a, b], [440, 1000], 30);
    t.equal(b.stats.authFailures, 0);
    t.equal(b.stats.packetsReceived - received, 30);
    t.equal(dominantFrequency(heard.subarray(2400), 8000), 440);
  },
);

t.test('a stranger is not heard; with latching the first who is authentic is, and then nobody else', async (t) => {
  const { clock, leg } = bench(t);
  const [aKeys, bKeys] = keyPair('AES_CM_128_HMAC_SHA1_80');
  const [a, strict, nat, stranger] = [await leg(), await leg(), await leg('latch'), await leg()];
  const elsewhere = { host: HOST, port: 9 };
  strict.configure({ ...plain(a, { srtp: bKeys }), remote: elsewhere });
  a.configure(plain(strict, { srtp: aKeys }));
  t.ok(isSilent((await converse(clock, [a, strict], [440, 1000], 20))[1]));
  t.equal(strict.stats.wrongSource, 20);

  nat.configure({ ...plain(a, { srtp: bKeys }), remote: elsewhere });
  stranger.configure(plain(nat));
  await converse(clock, [stranger, nat], [700, 1000], 5);
  t.equal(nat.remote, undefined, 'who cannot authenticate latches nothing');
  a.configure(plain(nat, { srtp: aKeys }));
  const [, heard] = await converse(clock, [a, nat], [440, 1000], 30);
  t.same(nat.remote, a.local);
  t.equal(dominantFrequency(heard.subarray(1600), 8000), 440);
  await converse(clock, [stranger, nat], [700, 1000], 5);
  t.equal(nat.stats.wrongSource, 5);
  t.ok(a.stats.packetsReceived > 20, 'and audio goes to where theirs came from');
});

t.test('plain RTP latches to another port of the same host, never to another host, and once', async (t) => {
  const { clock, leg } = bench(t);
  const [a, nat, stranger] = [await leg(), await leg('latch'), await leg()];
  const fromElsewhere = createMediaPorts({ address: '127.0.0.2', first: 0, last: 0, clock });
  t.teardown(() => fromElsewhere[Symbol.asyncDispose]());
  const other = await openAudioLeg({ ports: fromElsewhere, clock, random: randomBytes, nat: 'strict' });
  nat.configure({ ...plain(a), remote: { host: HOST, port: 9 } });
  for (const party of [other, a, stranger]) party.configure(plain(nat));
  t.ok(isSilent((await converse(clock, [other, nat], [700, 1000], 10))[1]));
  const [, heard] = await converse(clock, [a, nat], [440, 1000], 30);
  t.equal(dominantFrequency(heard.subarray(1600), 8000), 440);
  await converse(clock, [stranger, nat], [700, 1000], 5);
  t.equal(nat.stats.wrongSource, 15);
});

t.test('hold: who does not listen hears nothing, who does not send is silent, and both come back', async (t) => {
  const { clock, leg } = bench(t);
  const [a, b] = [await leg(), await leg()];
  a.configure(plain(b));
  b.configure(plain(a));
  await converse(clock, [a, b], [440, 1000], 10);
  b.configure(plain(a, { direction: 'sendonly' }));
  const [atA, atB] = await converse(clock, [a, b], [440, 1000], 20);
  t.ok(isSilent(atB.subarray(160)));
  t.notOk(isSilent(atA));
  b.configure(plain(a, { direction: 'inactive' }));
  const sent = b.stats.packetsSent;
  await converse(clock, [a, b], [440, 1000], 100);
  t.equal(b.stats.packetsSent, sent);
  b.configure(plain(a));
  const [backAtA, backAtB] = await converse(clock, [a, b], [440, 1000], 40);
  t.equal(dominantFrequency(backAtB.subarray(1600), 8000), 440);
  t.equal(dominantFrequency(backAtA.subarray(1600), 8000), 1000);
});

t.test('without a remote address (3pcc placeholder) nothing is sent and nothing heard', async (t) => {
  const { clock, leg } = bench(t);
  const [a, b] = [await leg('latch'), await leg()];
  a.configure({ ...plain(b), remote: undefined });
  b.configure(plain(a));
  const [atA] = await converse(clock, [a, b], [440, 1000], 10);
  t.ok(isSilent(atA));
  t.equal(a.stats.packetsSent, 0);
});

t.test('a re-INVITE that keeps the keys keeps the audio; new keys take over', async (t) => {
  const { clock, leg } = bench(t);
  const [a, b] = [await leg(), await leg()];
  const before = keyPair('AEAD_AES_256_GCM');
  for (const [aKeys, bKeys] of [before, before, keyPair('AEAD_AES_256_GCM')]) {
    a.configure(plain(b, { srtp: { ...aKeys } }));
    b.configure(plain(a, { srtp: { ...bKeys } }));
    const [, heard] = await converse(clock, [a, b], [440, 1000], 30);
    t.equal(dominantFrequency(heard.subarray(1600), 8000), 440);
  }
  t.equal(b.stats.authFailures, 0);
});

t.test('digits arrive once each, with their length, and audio goes on after them', async (t) => {
  const { clock, leg } = bench(t);
  const [a, b] = [await leg(), await leg()];
  const [aKeys, bKeys] = keyPair('AES_CM_128_HMAC_SHA1_80');
  a.configure(plain(b, { srtp: aKeys }));
  b.configure(plain(a, { srtp: bKeys }));
  const pressed: [string, number][] = [];
  b.onDigit = (digit, ticks) => pressed.push([digit, ticks]);
  await converse(clock, [a, b], [440, 1000], 5);
  for (const digit of '19*#D') t.ok(a.sendDigit(digit, 100));
  t.notOk(a.sendDigit('x', 100));
  t.ok(a.isSendingDigits);
  const [, heard] = await converse(clock, [a, b], [440, 1000], 80);
  t.same(
    pressed,
    [...'19*#D'].map((digit) => [digit, 800]),
  );
  t.notOk(a.isSendingDigits);
  t.equal(dominantFrequency(heard.subarray(65 * 160), 8000), 440);
  a.configure(plain(b, { telephoneEvent: undefined }));
  t.notOk(a.sendDigit('1', 100), 'a peer without RFC 4733 gets none');
});

t.test('events that come as a stream of their own beside the audio spoil neither', async (t) => {
  const { clock, leg } = bench(t);
  const b = await leg();
  const sender = createSocket('udp4');
  t.teardown(() => sender.close());
  await new Promise<void>((resolve) => sender.bind(0, HOST, resolve));
  b.configure({ ...plain(b), remote: { host: HOST, port: sender.address().port } });
  const pressed: string[] = [];
  b.onDigit = (digit) => pressed.push(digit);
  const tone = new ToneGenerator(steadyTone([440], -20));
  const frame = new Int16Array(160);
  const heard: number[] = [];
  for (let tick = 0; tick < 50; tick++) {
    const audio = Buffer.alloc(172);
    tone.read(frame);
    pcmu.encode(frame, 160, audio, writeRtpHeader(audio, false, 0, tick, tick * 160, 1));
    sender.send(audio, b.local.port, HOST);
    if (tick >= 20 && tick < 30) {
      const event = Buffer.alloc(16);
      const start = writeRtpHeader(event, tick === 20, 101, tick - 20, 77, 2);
      event.set([7, tick > 26 ? 0x8a : 0x0a, 4, 0], start);
      sender.send(event, b.local.port, HOST);
    }
    await arrive();
    clock.advance(20);
    heard.push(...b.read());
  }
  t.same(pressed, ['7']);
  const level = toneLevel(Int16Array.from(heard.slice(1600)), 8000, 440);
  t.ok(Math.abs(level + 20) < 0.5, `${level.toFixed(2)} dBFS`);
});

t.test('time goes on while nothing is said: the timestamp shows it, and a marker the start of speech', async (t) => {
  const { clock, leg } = bench(t);
  const a = await leg();
  const ear = createSocket('udp4');
  t.teardown(() => ear.close());
  await new Promise<void>((resolve) => ear.bind(0, HOST, resolve));
  const heard: Buffer[] = [];
  ear.on('message', (packet) => heard.push(packet));
  a.configure({ ...plain(a), remote: { host: HOST, port: ear.address().port } });
  for (let tick = 0; tick < 12; tick++) {
    clock.advance(20);
    a.read();
    if (tick < 3 || tick > 8) a.write(new Int16Array(160));
  }
  await arrive();
  const first = heard[0]?.readUInt32BE(4) ?? 0;
  t.same(
    heard.map((packet) => ((packet.readUInt32BE(4) - first) >>> 0) / 160),
    [0, 1, 2, 9, 10, 11],
  );
  t.same(
    heard.map((packet) => (packet[1] ?? 0) >= 0x80),
    [true, false, false, true, false, false],
  );
  const sequences = heard.map((packet) => packet.readUInt16BE(2) - (heard[0]?.readUInt16BE(2) ?? 0));
  t.same(sequences, [0, 1, 2, 3, 4, 5], 'nothing was lost');
});

t.test('no bytes from the network make a leg throw', async (t) => {
  const random = seeded();
  t.comment(`seed ${random.seed}`);
  const { clock, leg } = bench(t);
  const [a, b] = [await leg('latch'), await leg('latch')];
  const attacker = createSocket('udp4');
  t.teardown(() => attacker.close());
  await new Promise<void>((resolve) => attacker.bind(0, HOST, resolve));
  const remote = { host: HOST, port: attacker.address().port };
  a.configure({ ...plain(b), remote });
  b.configure({ ...plain(a, { srtp: keyPair('AEAD_AES_128_GCM')[0] }), remote });
  const types = [0x00, 0x80, 0x08, 0x65, 0xe5, 0x0d, 0xc8, 0x7f];
  for (let i = 0; i < 1_000; i++) {
    const packet = random.bytes(random.below(i % 50 === 0 ? 2_000 : 200));
    if (packet.length > 1 && i % 3 > 0) {
      packet[0] = i % 3 === 1 ? 0x80 : 0x80 | random.below(64);
      packet[1] = types[i % types.length] ?? 0;
    }
    attacker.send(packet, a.local.port, HOST);
    attacker.send(packet, b.local.port, HOST);
    if (i % 20 > 0) continue;
    await arrive();
    clock.advance(20);
    for (const each of [a, b]) each.write(each.read());
  }
  t.equal(b.stats.packetsReceived, 0);
  t.ok(a.stats.packetsReceived > 0);
});

t.test('a closed leg keeps its port until the peer is silent, a minute at most: no next call hears it', async (t) => {
  const { clock, leg, ports } = bench(t);
  const [a, b] = [await leg(), await leg()];
  a.configure(plain(b));
  b.configure(plain(a));
  b[Symbol.dispose]();
  for (let second = 0; second < 8; second++) {
    for (let tick = 0; tick < 50; tick++) {
      clock.advance(20);
      a.read();
      a.write(new Int16Array(160));
      if (tick % 10 === 0) await arrive();
    }
    await arrive();
    t.equal(ports.inUse, 2, `after ${second + 1} s of talking on`);
  }
  clock.advance(2_100);
  t.equal(ports.inUse, 1);
  b.write(new Int16Array(160));
  t.ok(isSilent(b.read()));
  t.equal(b.stats.packetsSent, 0);
});

t.test(
  'RTCP: each side learns its round trip and what the other lost, over SRTCP and both ways of ports',
  async (t) => {
    for (const rtcp of [undefined, 'mux'] as const) {
      const { clock, leg } = bench(t);
      const [aKeys, bKeys] = keyPair('AEAD_AES_256_GCM');
      const [a, b] = [await leg(), await leg()];
      const more = rtcp === undefined ? {} : { rtcp };
      a.configure(plain(b, { srtp: aKeys, ...more }));
      b.configure(plain(a, { srtp: bKeys, ...more }));
      for (let tick = 0; tick < 1_200; tick++) {
        clock.advance(20);
        for (const each of [a, b]) each.write(each.read());
        if (tick % 8 === 0) await arrive();
      }
      t.ok(a.stats.reportsSent >= 3 && a.stats.reportsSent <= 10, `${a.stats.reportsSent} reports in 24 s`);
      t.ok(a.stats.reportsReceived >= 3);
      t.equal(a.stats.peerLoss, 0);
      // Datagrams are taken in every 8 ticks: as far as the legs can know the way takes that long.
      t.ok((a.stats.roundTripMs ?? 999) <= 320, `${a.stats.roundTripMs} ms`);
      t.ok(a.stats.mos > 4 && a.stats.peerMos > 4);
      t.equal(a.stats.authFailures + a.stats.malformed + a.stats.wrongSource, 0);
    }
  },
);

t.test('RTCP of a stranger, or without the key, teaches nothing', async (t) => {
  const { clock, leg } = bench(t);
  const [aKeys] = keyPair('AES_CM_128_HMAC_SHA1_80');
  const [a, b, stranger] = [await leg(), await leg(), await leg()];
  a.configure(plain(b, { srtp: aKeys }));
  stranger.configure(plain(a));
  for (let tick = 0; tick < 600; tick++) {
    clock.advance(20);
    for (const each of [a, stranger]) each.write(each.read());
    if (tick % 8 === 0) await arrive();
  }
  t.ok(stranger.stats.reportsSent > 0);
  t.equal(a.stats.reportsReceived, 0);
});

t.test('loss that the peer reports is heard of, and lowers the score of what it hears', async (t) => {
  const { clock, leg } = bench(t);
  const [a, b] = [await leg(), await leg()];
  const lossy = createSocket('udp4');
  t.teardown(() => lossy.close());
  await new Promise<void>((resolve) => lossy.bind(0, HOST, resolve));
  let count = 0;
  lossy.on('message', (packet) => {
    if (count++ % 5 > 0) lossy.send(packet, b.local.port, HOST);
  });
  const through = { host: HOST, port: lossy.address().port };
  a.configure({ ...plain(b), remote: through, rtcp: { host: HOST, port: b.local.port + 1 } });
  b.configure({ ...plain(a), remote: through, rtcp: { host: HOST, port: a.local.port + 1 } });
  for (let tick = 0; tick < 1_200; tick++) {
    clock.advance(20);
    for (const each of [a, b]) {
      const heard = each.read();
      if (each === a) each.write(heard);
    }
    if (tick % 4 === 0) await arrive();
  }
  await arrive();
  t.ok(Math.abs(a.stats.peerLoss - 0.2) < 0.05, `${(100 * a.stats.peerLoss).toFixed(1)} % of 20 %`);
  t.ok(a.stats.peerMos < 3, `the peer hears ${a.stats.peerMos.toFixed(2)}`);
  t.ok(b.stats.mos < 3, `and says so itself: ${b.stats.mos.toFixed(2)}`);
  t.ok(a.stats.mos > 4);
});

/** Runs two legs of which each says a tone at its own rate; answers what each heard. */
async function converseWide(clock: ManualClock, legs: [LocalLeg, LocalLeg], hz: [number, number], ticks: number) {
  const heard: [number[], number[]] = [[], []];
  const say = legs.map((leg, i) => new ToneGenerator(steadyTone([hz[i] ?? 0], -20), leg.rate));
  for (let tick = 0; tick < ticks; tick++) {
    clock.advance(20);
    for (const [i, leg] of legs.entries()) {
      heard[i]?.push(...leg.read());
      const frame = new Int16Array(leg.rate / 50);
      say[i]?.read(frame);
      leg.write(frame);
    }
    await arrive();
  }
  return heard.map((samples) => Int16Array.from(samples.slice(samples.length / 3))) as [Int16Array, Int16Array];
}

const G722 = { codec: 'G722', payloadTypes: { send: 9, receive: 9 } } as const;

t.test('G.722 carries what G.711 cannot: 5 kHz both ways, in packets of every length, encrypted', async (t) => {
  for (const packetMs of [10, 20, 30, 40, 60]) {
    const { clock, leg } = bench(t);
    const [a, b] = [await leg(), await leg()];
    const [aKeys, bKeys] = keyPair('AES_CM_128_HMAC_SHA1_80');
    a.configure(plain(b, { ...G722, srtp: aKeys, packetMs }));
    b.configure(plain(a, { ...G722, srtp: bKeys, packetMs }));
    t.equal(a.rate, 16_000);
    const [atA, atB] = await converseWide(clock, [a, b], [5000, 3000], 90);
    t.ok(Math.abs(toneLevel(atB, 16_000, 5000) + 20) < 1, `${packetMs} ms: ${toneLevel(atB, 16_000, 5000)} dBFS`);
    t.ok(Math.abs(toneLevel(atA, 16_000, 3000) + 20) < 1);
    t.equal(a.stats.packetsSent, Math.floor((90 * 20) / packetMs));
    t.equal(b.stats.lost + b.stats.late + b.stats.unknownPayload, 0);
  }
});

t.test('G.711 in packets of 10 to 60 ms: timestamps tell each one its place, digits go between them', async (t) => {
  for (const packetMs of [10, 30, 50, 60]) {
    const { clock, leg } = bench(t);
    const [a, b] = [await leg(), await leg()];
    a.configure(plain(b, { packetMs }));
    b.configure(plain(a, { packetMs }));
    const pressed: string[] = [];
    b.onDigit = (digit) => pressed.push(digit);
    const [, before] = await converse(clock, [a, b], [440, 1000], 60);
    t.ok(Math.abs(toneLevel(before.subarray(2400), 8000, 440) + 20) < 0.5, `${packetMs} ms`);
    a.sendDigit('5', 100);
    await converse(clock, [a, b], [440, 1000], 20);
    const [, after] = await converse(clock, [a, b], [440, 1000], 60);
    t.same(pressed, ['5']);
    t.ok(Math.abs(toneLevel(after.subarray(2400), 8000, 440) + 20) < 0.5);
    t.equal(b.stats.lost + b.stats.late, 0);
  }
});

t.test('a re-INVITE that changes the codec changes the rate, and both sides hear each other again', async (t) => {
  const { clock, leg } = bench(t);
  const [a, b] = [await leg(), await leg()];
  for (const codec of [{}, G722, {}]) {
    a.configure(plain(b, codec));
    b.configure(plain(a, codec));
    const [atA, atB] = await converseWide(clock, [a, b], [700, 1900], 60);
    t.equal(dominantFrequency(atB, b.rate), 700);
    t.equal(dominantFrequency(atA, a.rate), 1900);
  }
});

t.test('audio of the other rate is converted as it is said', async (t) => {
  const { clock, leg } = bench(t);
  const [wide, narrow] = [await leg(), await leg()];
  wide.configure(plain(narrow, G722));
  narrow.configure(plain(wide, G722));
  const tone = new ToneGenerator(steadyTone([1300], -20));
  const [frame, heard] = [new Int16Array(160), [] as number[]];
  for (let tick = 0; tick < 60; tick++) {
    clock.advance(20);
    heard.push(...narrow.read());
    wide.read();
    tone.read(frame);
    wide.write(frame);
    await arrive();
  }
  const level = toneLevel(Int16Array.from(heard.slice(6400)), 16_000, 1300);
  t.ok(Math.abs(level + 20) < 0.5, `${level.toFixed(2)} dBFS`);
});

t.test(
  'RFC 3389: while the peer sends no silence its comfort noise is heard, at its level, until it speaks',
  async (t) => {
    const { clock, leg } = bench(t);
    const b = await leg();
    const sender = createSocket('udp4');
    t.teardown(() => sender.close());
    await new Promise<void>((resolve) => sender.bind(0, HOST, resolve));
    b.configure({ ...plain(b), remote: { host: HOST, port: sender.address().port } });
    const heard: Int16Array[] = [];
    for (let tick = 0; tick < 100; tick++) {
      const packet = Buffer.alloc(172);
      const isNoise = tick === 20;
      writeRtpHeader(packet, false, isNoise ? 13 : 0, tick > 20 ? tick - 49 : tick, tick * 160, 1);
      packet.fill(isNoise ? 50 : 0xff, 12);
      if (tick <= 20 || tick >= 70) sender.send(packet.subarray(0, isNoise ? 13 : 172), b.local.port, HOST);
      await arrive();
      clock.advance(20);
      heard.push(b.read().slice());
    }
    const level = (from: number, to: number) =>
      totalLevel(Int16Array.from(heard.slice(from, to).flatMap((f) => [...f])));
    t.ok(level(5, 18) < -90, 'silence before');
    // -50 dBov is the power of a full-scale square wave less 50 dB; the ear of this test counts a full-scale sine as 0.
    t.ok(Math.abs(level(30, 65) - -47) < 1, `${level(30, 65).toFixed(1)} dBFS of noise`);
    t.ok(level(80, 100) < -90, 'and silence when it is said');
    t.equal(b.stats.unknownPayload, 0);
  },
);
