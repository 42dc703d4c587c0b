// A leg's SRTP against an implementation that nobody here wrote: ffmpeg sends to it, and hears it.
import { spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { openAudioLeg } from '../../src/engine/media-server/audio/leg.ts';
import { createMediaPorts } from '../../src/engine/runtime/media-socket.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { ToneGenerator } from '../../src/protocol/rtp/tone.ts';
import type { NegotiatedAudio } from '../../src/protocol/sdp/audio.ts';
import { dominantFrequency } from '../support/listen.ts';
import { steadyTone } from '../support/tone-level.ts';

const HOST = '127.0.0.1';
const SUITE = 'AES_CM_128_HMAC_SHA1_80';
const TICK_MS = 20;
const hasFfmpeg = spawnSync('ffmpeg', ['-version']).status === 0;
const skip = hasFfmpeg ? false : 'ffmpeg is not installed (Debian package: ffmpeg)';

function session(port: number, ours: Uint8Array, theirs: Uint8Array): NegotiatedAudio {
  return {
    remote: { host: HOST, port },
    codec: 'PCMU',
    payloadTypes: { send: 0, receive: 0 },
    telephoneEvent: undefined,
    direction: 'sendrecv',
    srtp: { suite: SUITE, local: { master: ours, mkiBytes: 0 }, remote: { master: theirs, mkiBytes: 0 } },
  };
}

async function until(isDone: () => boolean, eachTick: () => void, limitMs: number): Promise<void> {
  for (let waited = 0; !isDone() && waited < limitMs; waited += TICK_MS) {
    eachTick();
    await new Promise((resolve) => setTimeout(resolve, TICK_MS));
  }
}

/** An even port, free a moment ago: ffmpeg takes the next one for RTCP. */
async function freeEvenPort(): Promise<number> {
  await using ports = createMediaPorts({ address: HOST, first: 0, last: 0, clock: systemClock });
  for (;;) {
    const { local } = await ports.open();
    if (local.port % 2 === 0) return local.port;
  }
}

const SENT = [
  { codec: 'PCMU', type: 0, encoder: 'pcm_mulaw', rate: 8000, hz: 600 },
  { codec: 'G722', type: 9, encoder: 'g722', rate: 16_000, hz: 5200 },
] as const;
for (const { codec, type, encoder, rate, hz } of SENT) {
  t.test(`a leg hears the tone that ffmpeg sends by SRTP in ${codec}, and its SRTCP reports`, { skip }, async (t) => {
    const ports = createMediaPorts({ address: HOST, first: 0, last: 0, clock: systemClock });
    const leg = await openAudioLeg({ ports, clock: systemClock, random: randomBytes, nat: 'latch' });
    const key = randomBytes(30);
    const payloadTypes = { send: type, receive: type };
    leg.configure({ ...session(9, randomBytes(30), key), codec, payloadTypes });
    const tone = ['-re', '-f', 'lavfi', '-i', `sine=frequency=${hz}:sample_rate=${rate}`, '-t', '3', '-ac', '1'];
    const secure = ['-srtp_out_suite', SUITE, '-srtp_out_params', key.toString('base64')];
    const url = `srtp://${HOST}:${leg.local.port}?pkt_size=172`;
    const args = ['-loglevel', 'error', ...tone, '-c:a', encoder, '-f', 'rtp', ...secure, url];
    const sender = spawn('ffmpeg', args, { stdio: 'ignore' });
    t.teardown(async () => {
      sender.kill('SIGKILL');
      await ports[Symbol.asyncDispose]();
    });
    const heard: number[] = [];
    await until(
      () => heard.length > 2 * rate,
      () => heard.push(...leg.read()),
      8_000,
    );
    t.equal(dominantFrequency(Int16Array.from(heard.slice(-rate / 2)), rate), hz);
    t.equal(leg.stats.authFailures, 0);
    t.ok(leg.stats.reportsReceived > 0, 'ffmpeg’s sender report was opened');
  });
}

t.test('ffmpeg hears the tone that a leg sends by SRTP', { skip }, async (t) => {
  const ports = createMediaPorts({ address: HOST, first: 0, last: 0, clock: systemClock });
  const leg = await openAudioLeg({ ports, clock: systemClock, random: randomBytes, nat: 'strict' });
  const port = await freeEvenPort();
  const key = randomBytes(30);
  const folder = t.testdir();
  const description = join(folder, 'leg.sdp');
  const wav = join(folder, 'heard.wav');
  const crypto = `a=crypto:1 ${SUITE} inline:${key.toString('base64')}`;
  const sdp = [
    'v=0',
    `o=- 1 1 IN IP4 ${HOST}`,
    's=-',
    `c=IN IP4 ${HOST}`,
    't=0 0',
    `m=audio ${port} RTP/SAVP 0`,
    crypto,
  ];
  writeFileSync(description, `${sdp.join('\r\n')}\r\n`);
  leg.configure(session(port, key, randomBytes(30)));
  const protocols = ['-protocol_whitelist', 'file,crypto,rtp,srtp,udp'];
  const hears = spawn('ffmpeg', ['-loglevel', 'error', ...protocols, '-i', description, '-t', '2', '-y', wav], {
    stdio: 'ignore',
  });
  t.teardown(async () => {
    hears.kill('SIGKILL');
    await ports[Symbol.asyncDispose]();
  });
  let isOver = false;
  hears.on('exit', () => {
    isOver = true;
  });
  const tone = new ToneGenerator(steadyTone([850], -10));
  const frame = new Int16Array(160);
  const say = () => {
    leg.read();
    tone.read(frame);
    leg.write(frame);
  };
  await until(() => isOver, say, 15_000);
  t.ok(isOver, 'ffmpeg recorded its two seconds');
  const bytes = readFileSync(wav);
  const samples = new Int16Array(
    bytes.buffer.slice(bytes.byteOffset + bytes.length - 8_000, bytes.byteOffset + bytes.length),
  );
  t.equal(dominantFrequency(samples, 8000), 850);
});
