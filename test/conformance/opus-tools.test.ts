// Opus against encoders and decoders that nobody here wrote: Debian's opus-tools, and the second implementation that ffmpeg has of its own.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { decodeWave } from '../../src/ops/wave.ts';
import { JitterBuffer } from '../../src/protocol/rtp/jitter-buffer.ts';
import {
  loadOpus,
  OPUS_RATE,
  OpusPayloadDecoder,
  OpusPayloadEncoder,
  opusSamples,
} from '../../src/protocol/rtp/opus.ts';
import type { PayloadDecoder } from '../../src/protocol/rtp/payload-decoder.ts';
import { needs } from '../support/clients.ts';
import { toneLevel, totalLevel } from '../support/listen.ts';
import { readOpusFile, writeOpusFile } from '../support/ogg.ts';
import { wav } from '../support/wav.ts';

const PROMPT = join(import.meta.dirname, '..', '..', 'config/prompts/en/call/recording-notice.wav');
const ANY = { maxPlaybackRate: 48_000, wantsFec: true, wantsConstantBitrate: false, wantsDtx: false };
/** libopus looks ahead by 6.5 ms (RFC 7845 §4.2). */
const LOOK_AHEAD = 312;

const folder = mkdtempSync(join(tmpdir(), 'wardline-opus-'));
t.teardown(() => rmSync(folder, { recursive: true, force: true }));
const at = (name: string) => join(folder, name);

function run(program: string, ...args: string[]): void {
  const { status, stderr } = spawnSync(program, args, { timeout: 60_000 });
  if (status !== 0) throw new Error(`${program} ended with ${status}: ${stderr}`);
}

const ffmpeg = (...args: string[]) => run('ffmpeg', '-y', '-loglevel', 'error', ...args);

function wave(path: string): Int16Array {
  const sound = decodeWave(readFileSync(path));
  return Int16Array.from(sound?.samples ?? [], (sample) => Math.round(sample * 32_767));
}

async function decoder(): Promise<OpusPayloadDecoder> {
  const made = new OpusPayloadDecoder();
  t.teardown(() => made[Symbol.dispose]());
  await new Promise(setImmediate);
  return made;
}

/** A file's audio by our decoder, at 16 kHz, from its start. */
async function decoded(path: string): Promise<Int16Array> {
  const { packets, preSkip } = readOpusFile(readFileSync(path));
  const ours = await decoder();
  const all = new Int16Array(packets.reduce((sum, packet) => sum + opusSamples(packet, 0, packet.length), 0));
  let samples = 0;
  for (const packet of packets) samples += ours.decode(packet, 0, packet.length, all, samples);
  return all.subarray(preSkip / 3, samples);
}

async function encoded(samples: Int16Array, packetMs: number, options = ANY): Promise<Uint8Array[]> {
  const encoder = new OpusPayloadEncoder(options);
  t.teardown(() => encoder[Symbol.dispose]());
  await new Promise(setImmediate);
  const size = (packetMs * OPUS_RATE) / 1000;
  const into = new Uint8Array(1500);
  return Array.from({ length: Math.floor(samples.length / size) }, (_, i) => {
    const bytes = encoder.encode(samples.subarray(i * size, (i + 1) * size), size, into, 0);
    return into.slice(0, bytes);
  });
}

/** Correlation of the two, 0 to 1, where they fit best within a few milliseconds: resamplers shift what passes through them. */
function likeness(a: Int16Array, b: Int16Array): number {
  const most = 64;
  const count = Math.min(a.length, b.length) - 2 * most;
  let best = 0;
  for (let shift = -most; shift <= most; shift++) {
    let [product, energyA, energyB] = [0, 1, 1];
    for (let i = most; i < most + count; i++) {
      const [x, y] = [a[i] ?? 0, b[i + shift] ?? 0];
      product += x * y;
      energyA += x * x;
      energyB += y * y;
    }
    best = Math.max(best, product / Math.sqrt(energyA * energyB));
  }
  return best;
}

if (needs(t, 'opusenc', 'opusdec', 'ffmpeg')) {
  await loadOpus();
  const speech = wave(PROMPT).subarray(0, 4 * OPUS_RATE);

  for (const packetMs of [2.5, 20, 60]) {
    t.test(`what opusenc says in packets of ${packetMs} ms we hear as opusdec does`, async (t) => {
      run('opusenc', '--quiet', '--bitrate', '24', '--speech', '--framesize', String(packetMs), PROMPT, at('in.opus'));
      run('opusdec', '--quiet', '--rate', '16000', at('in.opus'), at('in.wav'));
      const [ours, theirs] = [await decoded(at('in.opus')), wave(at('in.wav'))];
      const alike = likeness(ours.subarray(0, speech.length), theirs.subarray(0, speech.length));
      t.ok(alike > 0.98, `likeness ${alike.toFixed(4)}`);
      t.ok(Math.abs(ours.length - theirs.length) < 0.07 * OPUS_RATE, `${ours.length} samples, ${theirs.length} theirs`);
    });
  }

  t.test('what ffmpeg says with its own encoder, in stereo and full band, is heard', async (t) => {
    const sine = ['-f', 'lavfi', '-i', 'sine=frequency=1700:sample_rate=48000', '-t', '1', '-ac', '2'];
    ffmpeg(...sine, '-c:a', 'opus', '-strict', '-2', at('own.ogg'));
    const heard = (await decoded(at('own.ogg'))).subarray(4800, 14_400);
    t.ok(Math.abs(toneLevel(heard, OPUS_RATE, 1700) - totalLevel(heard)) < 0.5, 'the tone and nothing else');
    t.ok(
      Math.abs(toneLevel(heard, OPUS_RATE, 1700) + 21) < 1.5,
      `${toneLevel(heard, OPUS_RATE, 1700).toFixed(1)} dBFS`,
    );
  });

  t.test(
    'stereo is heard as its middle: what is on both sides as loud as it is, what is on one side 6 dB below',
    async (t) => {
      const tones =
        'aevalsrc=0.2*sin(2*PI*700*t)+0.2*sin(2*PI*1700*t)|0.2*sin(2*PI*700*t)+0.2*sin(2*PI*2900*t):s=48000:d=1';
      ffmpeg('-f', 'lavfi', '-i', tones, at('sides.wav'));
      for (const [bitrate, ...more] of [['96'], ['24', '--speech']]) {
        run('opusenc', '--quiet', '--bitrate', bitrate ?? '', ...more, at('sides.wav'), at('sides.ogg'));
        const heard = (await decoded(at('sides.ogg'))).subarray(4800, 14_400);
        const both = 20 * Math.log10(0.2);
        for (const [hz, level] of [
          [700, both],
          [1700, both - 6],
          [2900, both - 6],
        ] as const) {
          const is = toneLevel(heard, OPUS_RATE, hz);
          t.ok(Math.abs(is - level) < 1.5, `${bitrate} kbit/s, ${hz} Hz: ${is.toFixed(1)} of ${level.toFixed(1)} dBFS`);
        }
      }
    },
  );

  for (const packetMs of [10, 20, 60]) {
    t.test(`what we say in packets of ${packetMs} ms opusdec hears, and ffmpeg's own decoder`, async (t) => {
      writeFileSync(at('out.opus'), writeOpusFile(await encoded(speech, packetMs), packetMs, OPUS_RATE, LOOK_AHEAD));
      run('opusdec', '--quiet', '--rate', '16000', at('out.opus'), at('out.wav'));
      t.ok(likeness(wave(at('out.wav')), speech) > 0.9, 'opusdec, with in-band FEC');
      // ffmpeg's own decoder loses its place in packets of several frames with FEC; opusdec does not.
      const plain = await encoded(speech, packetMs, { ...ANY, wantsFec: false });
      writeFileSync(at('plain.opus'), writeOpusFile(plain, packetMs, OPUS_RATE, LOOK_AHEAD));
      ffmpeg('-c:a', 'opus', '-i', at('plain.opus'), '-ar', '16000', '-ac', '1', at('plain.wav'));
      t.ok(likeness(wave(at('plain.wav')), speech) > 0.9, 'ffmpeg, without');
    });
  }

  t.test('a peer gets no more than it asked for: bits a second, and band', async (t) => {
    const bytes = async (options: object) => {
      const packets = await encoded(speech, 20, { ...ANY, ...options });
      return packets.reduce((sum, packet) => sum + packet.length, 0);
    };
    const seconds = speech.length / OPUS_RATE;
    const bits = (await bytes({ maxAverageBitrate: 12_000 })) * 8;
    t.ok(bits / seconds < 13_500, `${(bits / seconds).toFixed(0)} bits a second of 12000`);
    t.ok((await bytes({})) * 8 > 1.5 * bits, 'and more when it may be');
    writeFileSync(at('tone.wav'), wav(OPUS_RATE, 5200, 1000));
    const high = wave(at('tone.wav'));
    for (const [maxPlaybackRate, isHeard] of [
      [8000, false],
      [16_000, true],
    ] as const) {
      const packets = await encoded(high, 20, { ...ANY, maxPlaybackRate });
      writeFileSync(at('band.opus'), writeOpusFile(packets, 20, OPUS_RATE, LOOK_AHEAD));
      run('opusdec', '--quiet', '--rate', '16000', at('band.opus'), at('band.wav'));
      const level = toneLevel(wave(at('band.wav')).subarray(4000, 12_000), OPUS_RATE, 5200);
      t.equal(level > -20, isHeard, `5.2 kHz at ${level.toFixed(1)} dBFS for a peer of ${maxPlaybackRate} Hz`);
    }
  });

  t.test('our packets carry what came before them when the peer asks for it, and only then', async (t) => {
    for (const wantsFec of [true, false]) {
      const packets = await encoded(speech, 20, { ...ANY, wantsFec });
      // RFC 6716 §4.2.3: in a SILK packet of 20 ms the second bit behind the first byte says whether the frame before is repeated.
      const silk = packets.filter(([toc = 0]) => toc >> 3 < 16);
      const repeating = silk.filter(([, flags = 0]) => (flags & 0x40) !== 0).length;
      t.ok(silk.length > 0.9 * packets.length, `${silk.length} of ${packets.length} packets are speech to the encoder`);
      if (wantsFec) t.ok(repeating > 0.5 * silk.length, `${repeating} repeat what came before`);
      else t.equal(repeating, 0);
    }
  });

  t.test('what is lost is made up from the packet after it, when ffmpeg sends in-band FEC', async (t) => {
    const fec = ['-c:a', 'libopus', '-application', 'voip', '-b:a', '32k', '-fec', '1', '-packet_loss', '25'];
    ffmpeg('-i', PROMPT, '-t', '4', ...fec, at('fec.ogg'));
    const { packets } = readOpusFile(readFileSync(at('fec.ogg')));
    const isLost = (i: number) => i % 5 === 3;
    const whole = await heardOf(packets, await decoder(), () => false);
    const withFec = await decoder();
    const recovered = await heardOf(packets, withFec, isLost);
    const { samplesIn, decode, conceal } = await decoder().then((made) => ({
      samplesIn: made.samplesIn.bind(made),
      decode: made.decode.bind(made),
      conceal: made.conceal.bind(made),
    }));
    const concealed = await heardOf(packets, { samplesIn, decode, conceal }, isLost);
    const [better, worse] = [likeness(recovered.heard, whole.heard), likeness(concealed.heard, whole.heard)];
    t.ok(recovered.buffer.recovered >= 13, `${recovered.buffer.recovered} of ${packets.length} packets made up`);
    t.ok(
      better > 0.95 && better > worse + 0.02,
      `likeness ${better.toFixed(3)}, ${worse.toFixed(3)} by concealment alone`,
    );
  });

  t.test('a sender that pauses (DTX) is heard again at its time, and nothing counts as late or lost', async (t) => {
    const halves = '[0]asplit[x][y];[x]atrim=0:1.5[a];[y]atrim=0:1.5[b];aevalsrc=0:d=3:s=16000[s]';
    ffmpeg('-i', PROMPT, '-filter_complex', `${halves};[a][s][b]concat=n=3:v=0:a=1`, at('pause.wav'));
    // 4016 is OPUS_SET_DTX, for which opusenc has no name.
    const dtx = ['--speech', '--bitrate', '16', '--set-ctl-int', '4016=1'];
    run('opusenc', '--quiet', ...dtx, at('pause.wav'), at('dtx.ogg'));
    const { packets } = readOpusFile(readFileSync(at('dtx.ogg')));
    const isSilence = (i: number) => (packets[i]?.length ?? 0) <= 2;
    const left = packets.filter((_, i) => isSilence(i)).length;
    t.ok(left > 100, `${left} of ${packets.length} packets are not sent`);
    const whole = await heardOf(packets, await decoder(), () => false);
    const paused = await heardOf(packets, await decoder(), isSilence, true);
    t.match(paused.buffer, { late: 0, resyncs: 0, recovered: 0 });
    const second = [whole, paused].map(({ heard }) => heard.subarray(4.5 * OPUS_RATE));
    const alike = likeness(second[0] ?? new Int16Array(0), second[1] ?? new Int16Array(0));
    t.ok(alike > 0.9, `what is said after the pause: likeness ${alike.toFixed(3)}`);
    t.ok(totalLevel(paused.heard.subarray(2.5 * OPUS_RATE, 4 * OPUS_RATE)) < -55, 'and the pause is quiet');
  });
}

/** Packets of 20 ms through a jitter buffer, each at its time. In a pause nothing was lost: sequence numbers go on. */
async function heardOf(packets: Buffer[], payloads: PayloadDecoder, isLost: (i: number) => boolean, isPause = false) {
  const buffer = new JitterBuffer(OPUS_RATE, 48_000);
  const heard = new Int16Array(packets.length * 320);
  const header = {
    marker: false,
    payloadType: 111,
    sequence: 0,
    timestamp: 0,
    ssrc: 1,
    payloadStart: 0,
    payloadEnd: 0,
  };
  for (const [i, packet] of packets.entries()) {
    header.timestamp = i * 960;
    header.payloadEnd = packet.length;
    if (!isLost(i) || !isPause) header.sequence++;
    if (!isLost(i)) buffer.push(header, packet, payloads);
    buffer.read(heard.subarray(i * 320, (i + 1) * 320));
  }
  return { buffer, heard };
}
