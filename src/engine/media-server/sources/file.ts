// Sound files as sources: of any rate, mono or stereo, decoded and brought to the party's rate as they are played.
import { Resampler } from '../../../protocol/rtp/resample.ts';
import { clip } from '../../../protocol/rtp/tick.ts';
import type { Layout } from './layout.ts';
import { bytesOf, layoutOf } from './layout.ts';
import { readSound } from './sound-cache.ts';
import type { AudioSource } from './source.ts';

/** The file's audio, or undefined when there is no such file or it holds nothing that can be played. */
export async function fileSource(path: string, rateKhz = 8): Promise<AudioSource | undefined> {
  const bytes = await readSound(path);
  return bytes === undefined ? undefined : bytesSource(path, bytes, rateKhz);
}

/** The same of a file's bytes; `name` tells by its ending what they are. */
export function bytesSource(name: string, bytes: Buffer, rateKhz = 8): AudioSource | undefined {
  const layout = layoutOf(name, bytes);
  return layout === undefined ? undefined : decoding(bytes, layout, rateKhz);
}

/** Frames decoded at once. */
const BLOCK_FRAMES = 320;
/** Rates are converted as multiples of this, so that odd ones need no filter without end: less than 0.4 % of pitch. */
const RATE_STEP = 25;

function decoding(bytes: Buffer, layout: Layout, rateKhz: number): AudioSource {
  const rate = rateKhz * 1000;
  const frameBytes = layout.channels * bytesOf(layout.encoding);
  const frames = Math.floor((layout.end - layout.start) / frameBytes);
  const nearRate = Math.round(layout.rate / RATE_STEP) * RATE_STEP;
  const resampler = nearRate === rate ? undefined : new Resampler(nearRate, rate);
  const block = new Int16Array(BLOCK_FRAMES * layout.channels);
  let frame = 0;
  let ready: Int16Array = new Int16Array(0);
  let at = 0;

  function refill(): boolean {
    if (frame >= frames) return false;
    const count = Math.min(BLOCK_FRAMES, frames - frame);
    decodeFrames(bytes, layout, layout.start + frame * frameBytes, count, block);
    frame += count;
    const mono = block.subarray(0, count);
    ready = resampler === undefined ? mono : resampler.process(mono);
    at = 0;
    return true;
  }

  return {
    rateKhz,
    totalSamples: Math.floor((frames * rate) / nearRate),
    skip(samples) {
      frame = Math.min(frames, Math.floor((samples * nearRate) / rate));
    },
    read(into) {
      let filled = 0;
      while (filled < into.length && (at < ready.length || refill())) {
        const count = Math.min(ready.length - at, into.length - filled);
        for (let i = 0; i < count; i++) into[filled + i] = ready[at + i] ?? 0;
        at += count;
        filled += count;
      }
      return filled;
    },
  };
}

/** Decodes `count` frames into the start of `block`, two channels mixed into one. */
function decodeFrames(bytes: Buffer, layout: Layout, start: number, count: number, block: Int16Array): void {
  decodeSamples(bytes, layout, start, count * layout.channels, block);
  if (layout.channels === 1) return;
  for (let i = 0; i < count; i++) block[i] = ((block[2 * i] ?? 0) + (block[2 * i + 1] ?? 0)) >> 1;
}

type Decode = (bytes: Buffer, at: number) => number;

/** One sample as 16 bits. */
const DECODERS: Readonly<Record<Extract<Layout['encoding'], string>, Decode>> = {
  u8: (bytes, at) => ((bytes[at] ?? 128) - 128) << 8,
  s8: (bytes, at) => bytes.readInt8(at) << 8,
  l16: (bytes, at) => bytes.readInt16LE(at),
  b16: (bytes, at) => bytes.readInt16BE(at),
  l24: (bytes, at) => bytes.readInt16LE(at + 1),
  l32: (bytes, at) => bytes.readInt16LE(at + 2),
  f32: (bytes, at) => fromFloat(bytes.readFloatLE(at)),
  f64: (bytes, at) => fromFloat(bytes.readDoubleLE(at)),
};

function fromFloat(value: number): number {
  return clip(Math.round(value * 32_767));
}

function decodeSamples(bytes: Buffer, { encoding }: Layout, start: number, count: number, into: Int16Array): void {
  if (typeof encoding !== 'string') {
    encoding.decode(bytes, start, start + count, into, 0);
    return;
  }
  const decode = DECODERS[encoding];
  const size = bytesOf(encoding);
  for (let i = 0; i < count; i++) into[i] = decode(bytes, start + i * size);
}
