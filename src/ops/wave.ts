// Spoken prompts as WAV: 16 kHz mono PCM16, levelled for a telephone (active speech level after the idea of ITU-T P.56).

export const PROMPT_RATE = 16_000;
/** Where active speech sits, in dBFS RMS: loud enough beside a person on the line, with room for peaks. */
const SPEECH_DBFS = -20;
const PEAK_LIMIT = 0.95;
const FRAME_SECONDS = 0.01;
/** A frame this far below the loudest one is a pause. */
const PAUSE_DB = -38;
const HEADER_BYTES = 44;

export interface Sound {
  readonly rate: number;
  /** Mono, -1 to 1. */
  readonly samples: Float32Array;
}

/** `sound` as a prompt: 16 kHz, speech at -20 dBFS, silence at the ends cut down to `edgeMs`. */
export function finishPrompt(sound: Sound, edgeMs: number): Sound {
  return trimEnds(levelSpeech(resample(sound, PROMPT_RATE)), edgeMs);
}

/** RIFF/WAVE bytes, PCM16 mono. */
export function encodeWave({ rate, samples }: Sound): Uint8Array {
  const bytes = new Uint8Array(HEADER_BYTES + samples.length * 2);
  const view = new DataView(bytes.buffer);
  const fourCc = (at: number, text: string) => bytes.set(new TextEncoder().encode(text), at);
  fourCc(0, 'RIFF');
  view.setUint32(4, bytes.length - 8, true);
  fourCc(8, 'WAVEfmt ');
  view.setUint32(16, 16, true);
  view.setUint16(20, 1, true);
  view.setUint16(22, 1, true);
  view.setUint32(24, rate, true);
  view.setUint32(28, rate * 2, true);
  view.setUint16(32, 2, true);
  view.setUint16(34, 16, true);
  fourCc(36, 'data');
  view.setUint32(40, samples.length * 2, true);
  samples.forEach((sample, index) => {
    const clipped = Math.max(-1, Math.min(1, sample));
    view.setInt16(HEADER_BYTES + index * 2, Math.round(clipped * 32_767), true);
  });
  return bytes;
}

/** The sound in RIFF/WAVE bytes; undefined unless it is PCM16 mono. A length that a pipe left open is taken as "to the end". */
export function decodeWave(bytes: Uint8Array): Sound | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const fourCc = (at: number) => String.fromCharCode(...bytes.subarray(at, at + 4));
  if (bytes.length < HEADER_BYTES || fourCc(0) !== 'RIFF' || fourCc(8) !== 'WAVE') return undefined;
  let rate = 0;
  for (let at = 12; at + 8 <= bytes.length; ) {
    const size = view.getUint32(at + 4, true);
    const body = at + 8;
    if (fourCc(at) === 'fmt ' && body + 16 <= bytes.length) {
      const isPcm16Mono =
        view.getUint16(body, true) === 1 &&
        view.getUint16(body + 2, true) === 1 &&
        view.getUint16(body + 14, true) === 16;
      if (!isPcm16Mono) return undefined;
      rate = view.getUint32(body + 4, true);
    }
    if (fourCc(at) === 'data') return rate === 0 ? undefined : { rate, samples: pcm16(view, body, size) };
    at = body + size + (size & 1);
  }
  return undefined;
}

/** The level of speech in dBFS RMS, pauses left out; -Infinity for silence. */
export function speechLevel({ rate, samples }: Sound): number {
  const powers = framePowers(samples, Math.round(rate * FRAME_SECONDS));
  const floor = Math.max(0, ...powers) * 10 ** (PAUSE_DB / 10);
  const active = powers.filter((power) => power > floor);
  return active.length === 0
    ? -Infinity
    : 10 * Math.log10(active.reduce((sum, power) => sum + power, 0) / active.length);
}

function pcm16(view: DataView, at: number, size: number): Float32Array {
  const length = Math.min(size, view.byteLength - at) >> 1;
  return Float32Array.from({ length }, (_, index) => view.getInt16(at + index * 2, true) / 32_768);
}

function framePowers(samples: Float32Array, frameLength: number): number[] {
  const powers: number[] = [];
  for (let at = 0; at + frameLength <= samples.length; at += frameLength) {
    let sum = 0;
    for (let i = at; i < at + frameLength; i++) sum += samples[i]! ** 2;
    powers.push(sum / frameLength);
  }
  return powers;
}

function levelSpeech(sound: Sound): Sound {
  const level = speechLevel(sound);
  if (level === -Infinity) return sound;
  const peak = sound.samples.reduce((max, sample) => Math.max(max, Math.abs(sample)), 0);
  const gain = Math.min(10 ** ((SPEECH_DBFS - level) / 20), PEAK_LIMIT / peak);
  return { rate: sound.rate, samples: sound.samples.map((sample) => sample * gain) };
}

function trimEnds({ rate, samples }: Sound, edgeMs: number): Sound {
  const frameLength = Math.round(rate * FRAME_SECONDS);
  const powers = framePowers(samples, frameLength);
  const floor = Math.max(0, ...powers) * 10 ** (PAUSE_DB / 10);
  const first = powers.findIndex((power) => power > floor);
  const last = powers.findLastIndex((power) => power > floor);
  if (first < 0) return { rate, samples };
  const edge = Math.round((rate * edgeMs) / 1000);
  const from = first * frameLength - edge;
  const until = (last + 1) * frameLength + edge;
  const trimmed = Float32Array.from({ length: until - from }, (_, index) => samples[from + index] ?? 0);
  return { rate, samples: fadeEnds(trimmed, Math.min(edge, trimmed.length >> 1)) };
}

function fadeEnds(samples: Float32Array, length: number): Float32Array {
  for (let i = 0; i < length; i++) {
    const gain = (i + 1) / length;
    samples[i]! *= gain;
    samples[samples.length - 1 - i]! *= gain;
  }
  return samples;
}

/** Band-limited interpolation with a Hann-windowed sinc, 32 zero crossings wide. */
function resample({ rate, samples }: Sound, toRate: number): Sound {
  if (rate === toRate) return { rate, samples };
  const step = rate / toRate;
  const cutoff = Math.min(1, 1 / step) * 0.95;
  const reach = Math.ceil(16 / cutoff);
  const length = Math.floor(samples.length / step);
  const out = new Float32Array(length);
  for (let i = 0; i < length; i++) {
    const centre = i * step;
    let sum = 0;
    for (let j = Math.ceil(centre - reach); j <= centre + reach; j++) {
      const x = j - centre;
      const window = 0.5 + 0.5 * Math.cos((Math.PI * x) / reach);
      const sinc = x === 0 ? 1 : Math.sin(Math.PI * x * cutoff) / (Math.PI * x * cutoff);
      sum += (samples[j] ?? 0) * sinc * cutoff * window;
    }
    out[i] = sum;
  }
  return { rate: toRate, samples: out };
}
