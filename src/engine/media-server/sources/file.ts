// Sound files: WAV (16-bit linear, µ-law, A-law; mono or stereo) and headerless G.711 or linear, read into memory and decoded as played.
import { open } from 'node:fs/promises';
import type { G711 } from '../../../protocol/rtp/g711.ts';
import { pcma, pcmu } from '../../../protocol/rtp/g711.ts';
import { Resampler } from '../../../protocol/rtp/resample.ts';
import type { AudioSource } from './source.ts';

/** An hour of µ-law, half an hour of linear samples at 8 kHz. */
const MAX_FILE_BYTES = 32 * 1024 * 1024;

interface Layout {
  readonly encoding: 'l16' | G711;
  readonly rate: number;
  readonly channels: number;
  readonly start: number;
  readonly end: number;
}

/** The file's audio, or undefined when there is no such file or it holds nothing that can be played. */
export async function fileSource(path: string, rateKhz = 8): Promise<AudioSource | undefined> {
  const bytes = await readWhole(path);
  if (bytes === undefined) return undefined;
  const layout = layoutOf(path, bytes);
  return layout === undefined ? undefined : decoding(bytes, layout, rateKhz);
}

async function readWhole(path: string): Promise<Buffer | undefined> {
  try {
    await using file = await open(path, 'r');
    const { size } = await file.stat();
    return size > 0 && size <= MAX_FILE_BYTES ? await file.readFile() : undefined;
  } catch {
    return undefined;
  }
}

function layoutOf(path: string, bytes: Buffer): Layout | undefined {
  const extension = /\.([A-Za-z0-9]+)$/.exec(path)?.[1]?.toLowerCase() ?? '';
  const raw = { rate: 8000, channels: 1, start: 0, end: bytes.length };
  if (extension === 'ul' || extension === 'ulaw' || extension === 'pcmu') return { encoding: pcmu, ...raw };
  if (extension === 'al' || extension === 'alaw' || extension === 'pcma') return { encoding: pcma, ...raw };
  if (extension === 'raw' || extension === 'r8') return { encoding: 'l16', ...raw };
  if (extension === 'r16') return { encoding: 'l16', ...raw, rate: 16_000 };
  return wavLayout(bytes);
}

/** Samples a second that a file may have. */
const RATES: readonly number[] = [8000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000];

const WAV_ENCODINGS: Readonly<Record<number, 'l16' | G711>> = { 1: 'l16', 6: pcma, 7: pcmu };

function wavLayout(bytes: Buffer): Layout | undefined {
  if (bytes.toString('latin1', 0, 4) !== 'RIFF' || bytes.toString('latin1', 8, 12) !== 'WAVE') return undefined;
  let format: Omit<Layout, 'start' | 'end'> | undefined;
  for (let at = 12; at + 8 <= bytes.length; ) {
    const size = bytes.readUInt32LE(at + 4);
    const name = bytes.toString('latin1', at, at + 4);
    if (name === 'fmt ' && at + 24 <= bytes.length) format = wavFormat(bytes, at + 8);
    // A file that was never closed says 0; its audio goes on to the end.
    const end = size === 0 ? bytes.length : Math.min(bytes.length, at + 8 + size);
    if (name === 'data') return format === undefined ? undefined : { ...format, start: at + 8, end };
    at += 8 + size + (size & 1);
  }
  return undefined;
}

function wavFormat(bytes: Buffer, at: number): Omit<Layout, 'start' | 'end'> | undefined {
  const encoding = WAV_ENCODINGS[bytes.readUInt16LE(at)];
  const channels = bytes.readUInt16LE(at + 2);
  const rate = bytes.readUInt32LE(at + 4);
  const bits = bytes.readUInt16LE(at + 14);
  const isKnown = encoding === 'l16' ? bits === 16 : encoding !== undefined && bits === 8;
  const isUsable = isKnown && channels >= 1 && channels <= 2 && RATES.includes(rate);
  return isUsable && encoding !== undefined ? { encoding, channels, rate } : undefined;
}

/** Frames decoded at once. */
const BLOCK_FRAMES = 320;

function decoding(bytes: Buffer, layout: Layout, rateKhz: number): AudioSource {
  const rate = rateKhz * 1000;
  const frameBytes = layout.channels * (layout.encoding === 'l16' ? 2 : 1);
  const frames = Math.floor((layout.end - layout.start) / frameBytes);
  const resampler = layout.rate === rate ? undefined : new Resampler(layout.rate, rate);
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
    totalSamples: Math.floor((frames * rate) / layout.rate),
    skip(samples) {
      frame = Math.min(frames, Math.floor((samples * layout.rate) / rate));
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
  const samples = count * layout.channels;
  if (layout.encoding === 'l16') {
    for (let i = 0; i < samples; i++) block[i] = bytes.readInt16LE(start + i * 2);
  } else layout.encoding.decode(bytes, start, start + samples, block, 0);
  if (layout.channels === 1) return;
  for (let i = 0; i < count; i++) block[i] = ((block[2 * i] ?? 0) + (block[2 * i + 1] ?? 0)) >> 1;
}
