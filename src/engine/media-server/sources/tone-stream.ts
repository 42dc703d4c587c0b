// `tone_stream://` and `silence_stream://`: tones by FreeSWITCH's tone language, and silence of a length.
import type { Tone, ToneSegment } from '../../../protocol/rtp/tone.ts';
import { ToneGenerator } from '../../../protocol/rtp/tone.ts';
import type { AudioSource } from './source.ts';

/** 0 dBm0 in dBFS: G.711's overload point is 3.14 dBm0 (ITU-T G.711 §4). */
const DBM0_DBFS = -3.14;
const DEFAULT_LEVEL_DBM0 = -7;
const MAX_SEGMENTS = 64;
const MAX_FREQUENCIES = 8;

/** `%(on,off,f1,f2…)` any number of times, with `;`: `L=` or `loops=` (-1 is without end) and `v=` (dBm0). Undefined: not understood. */
export function parseToneStream(text: string, rateKhz = 8): Tone | undefined {
  const segments: ToneSegment[] = [];
  let levelDbfs = DEFAULT_LEVEL_DBM0 + DBM0_DBFS;
  let loops = 1;
  for (const part of text.split(';').map((piece) => piece.trim())) {
    const setting = /^(loops|[a-z])\s*=\s*(-?\d+(?:\.\d+)?)/i.exec(part);
    if (setting?.[1] !== undefined) {
      const value = Number(setting[2]);
      const name = setting[1].toLowerCase();
      if (name === 'l' || name === 'loops') loops = value < 0 ? Number.POSITIVE_INFINITY : Math.max(1, value);
      else if (name === 'v') levelDbfs = Math.min(0, value) + DBM0_DBFS;
    }
    for (const match of part.matchAll(/%\(([^)]*)\)/g)) segments.push(segmentOf(match[1] ?? '', rateKhz));
  }
  const isUsable = segments.length > 0 && segments.length <= MAX_SEGMENTS;
  return isUsable ? { segments, levelDbfs, loops } : undefined;
}

function segmentOf(text: string, rateKhz: number): ToneSegment {
  const [onMs = 0, offMs = 0, ...frequencies] = text.split(',').map((part) => Math.max(0, Number(part) || 0));
  return {
    onMs,
    offMs,
    frequencies: frequencies.filter((hz) => hz > 0 && hz < rateKhz * 500).slice(0, MAX_FREQUENCIES),
  };
}

export function toneSource(text: string, rateKhz = 8): AudioSource | undefined {
  const tone = parseToneStream(text, rateKhz);
  if (tone === undefined) return undefined;
  const generator = new ToneGenerator(tone, rateKhz * 1000);
  const loopMs = tone.segments.reduce((sum, { onMs, offMs }) => sum + onMs + offMs, 0);
  return {
    fileType: 'tone_stream',
    rateKhz,
    totalSamples: loopMs === 0 ? 0 : loopMs * tone.loops * rateKhz,
    read: (into) => generator.read(into),
    skip: (samples) => generator.skip(samples),
  };
}

/** `ms[,noise]`; -1 is without end. Any noise level is played as silence. */
export function silenceSource(text: string, rateKhz = 8): AudioSource | undefined {
  const ms = Number.parseInt(text, 10);
  if (Number.isNaN(ms)) return undefined;
  let left = ms < 0 ? Number.POSITIVE_INFINITY : ms * rateKhz;
  return {
    rateKhz,
    totalSamples: left,
    read(into) {
      const count = Math.min(into.length, left);
      into.fill(0, 0, count);
      left -= count;
      return count;
    },
    skip(samples) {
      left = Math.max(0, left - samples);
    },
  };
}
