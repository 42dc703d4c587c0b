// Where the audio of a sound file is and how it is written: WAV (RIFF), Sun audio, and files without a header by their ending.
import type { G711 } from '../../../kernel/g711.ts';
import { pcma, pcmu } from '../../../kernel/g711.ts';

/** Of one sample: G.711, whole numbers of so many bytes in either order of bytes (8 bits of WAV count from 128), or floats of 32 or 64 bits. */
export type Encoding = G711 | 'u8' | 's8' | 'l16' | 'b16' | 'l24' | 'l32' | 'f32' | 'f64';

export interface Layout {
  readonly encoding: Encoding;
  readonly rate: number;
  readonly channels: number;
  readonly start: number;
  readonly end: number;
}

const BYTES: Readonly<Record<Extract<Encoding, string>, number>> = {
  u8: 1,
  s8: 1,
  l16: 2,
  b16: 2,
  l24: 3,
  l32: 4,
  f32: 4,
  f64: 8,
};

export function bytesOf(encoding: Encoding): number {
  return typeof encoding === 'string' ? BYTES[encoding] : 1;
}

type Raw = Pick<Layout, 'encoding' | 'rate'>;

const BY_ENDING: Readonly<Record<string, Raw>> = {
  ul: { encoding: pcmu, rate: 8000 },
  ulaw: { encoding: pcmu, rate: 8000 },
  pcmu: { encoding: pcmu, rate: 8000 },
  al: { encoding: pcma, rate: 8000 },
  alaw: { encoding: pcma, rate: 8000 },
  pcma: { encoding: pcma, rate: 8000 },
  raw: { encoding: 'l16', rate: 8000 },
  r8: { encoding: 'l16', rate: 8000 },
  r16: { encoding: 'l16', rate: 16_000 },
  r24: { encoding: 'l16', rate: 24_000 },
  r32: { encoding: 'l16', rate: 32_000 },
};

/** Endings of files that can be played. */
export const PLAYABLE = new RegExp(`\\.(?:wav|au|${Object.keys(BY_ENDING).join('|')})$`, 'i');

/** Undefined: nothing that can be played. */
export function layoutOf(path: string, bytes: Buffer): Layout | undefined {
  const ending = /\.([A-Za-z0-9]+)$/.exec(path)?.[1]?.toLowerCase() ?? '';
  const raw = BY_ENDING[ending];
  if (raw !== undefined) return { ...raw, channels: 1, start: 0, end: bytes.length };
  return bytes.toString('latin1', 0, 4) === '.snd' ? sunLayout(bytes) : wavLayout(bytes);
}

const MAX_RATE = 192_000;
const MIN_RATE = 4_000;

function isUsable({ rate, channels }: Pick<Layout, 'rate' | 'channels'>): boolean {
  return rate >= MIN_RATE && rate <= MAX_RATE && channels >= 1 && channels <= 2;
}

const SUN_ENCODINGS: Readonly<Record<number, Encoding>> = { 1: pcmu, 2: 's8', 3: 'b16', 27: pcma };
const SUN_HEADER_BYTES = 24;

function sunLayout(bytes: Buffer): Layout | undefined {
  if (bytes.length < SUN_HEADER_BYTES) return undefined;
  const start = bytes.readUInt32BE(4);
  // A length of all ones is one that was never known.
  const end = Math.min(bytes.length, start + bytes.readUInt32BE(8));
  const encoding = SUN_ENCODINGS[bytes.readUInt32BE(12)];
  const format = { rate: bytes.readUInt32BE(16), channels: bytes.readUInt32BE(20) };
  return encoding !== undefined && start < end && isUsable(format) ? { encoding, ...format, start, end } : undefined;
}

function wavLayout(bytes: Buffer): Layout | undefined {
  if (bytes.toString('latin1', 0, 4) !== 'RIFF' || bytes.toString('latin1', 8, 12) !== 'WAVE') return undefined;
  let format: Omit<Layout, 'start' | 'end'> | undefined;
  for (let at = 12; at + 8 <= bytes.length; ) {
    const size = bytes.readUInt32LE(at + 4);
    const name = bytes.toString('latin1', at, at + 4);
    if (name === 'fmt ' && at + 24 <= bytes.length) format = wavFormat(bytes, at + 8, size);
    // A file that was never closed says 0; its audio goes on to the end.
    const end = size === 0 ? bytes.length : Math.min(bytes.length, at + 8 + size);
    if (name === 'data') return format === undefined ? undefined : { ...format, start: at + 8, end };
    at += 8 + size + (size & 1);
  }
  return undefined;
}

/** WAVE_FORMAT_EXTENSIBLE: the format proper is in the first bytes of its GUID. */
const EXTENSIBLE = 0xfffe;
const GUID_AT = 24;
/** By format and bits. */
const WAV_ENCODINGS: Readonly<Record<string, Encoding>> = {
  '1/8': 'u8',
  '1/16': 'l16',
  '1/24': 'l24',
  '1/32': 'l32',
  '3/32': 'f32',
  '3/64': 'f64',
  '6/8': pcma,
  '7/8': pcmu,
};

function wavFormat(bytes: Buffer, at: number, size: number): Omit<Layout, 'start' | 'end'> | undefined {
  const told = bytes.readUInt16LE(at);
  const isExtended = told === EXTENSIBLE && size >= GUID_AT + 2 && at + GUID_AT + 2 <= bytes.length;
  const format = isExtended ? bytes.readUInt16LE(at + GUID_AT) : told;
  const channels = bytes.readUInt16LE(at + 2);
  const rate = bytes.readUInt32LE(at + 4);
  const encoding = WAV_ENCODINGS[`${format}/${bytes.readUInt16LE(at + 14)}`];
  return encoding !== undefined && isUsable({ rate, channels }) ? { encoding, channels, rate } : undefined;
}
