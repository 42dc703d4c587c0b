// The memory that one leg's two threads share: 20 ms heard, 20 ms to be said, and the leg's counters.
// The beat's messages order every access: the worker writes between `beat` and `heard`, the main thread between `heard` and `say`.
import type { AudioStats } from '../audio/leg.ts';

/** 20 ms at 16 kHz. */
const MAX_SAMPLES = 320;
const NARROW_SAMPLES = 160;

/** The order of the counters in memory. */
const NAMES = [
  ...['packetsSent', 'bytesSent', 'packetsReceived', 'bytesReceived', 'lost', 'late', 'jitterMs', 'wrongSource'],
  ...[
    'malformed',
    'flooded',
    'authFailures',
    'replays',
    'unknownPayload',
    'digitsReceived',
    'sendErrors',
    'reportsSent',
  ],
  ...['octetsReported', 'reportsReceived', 'roundTripMs', 'peerLoss', 'peerJitterMs', 'bufferMs', 'mos', 'peerMos'],
] as const satisfies readonly (keyof AudioStats)[];
const STATS = NAMES.length;

/** How many samples there are; 0 for none. */
const HEARD = 0;
const SAID = 1;
const WORDS = 2;

export class LegSlot {
  readonly memory: SharedArrayBuffer;
  readonly #words: Int32Array;
  readonly #stats: Float64Array;
  readonly #heard: readonly [narrow: Int16Array, wide: Int16Array];
  readonly #said: readonly [narrow: Int16Array, wide: Int16Array];

  constructor(memory = new SharedArrayBuffer(STATS * 8 + WORDS * 4 + 2 * MAX_SAMPLES * 2)) {
    const samplesAt = STATS * 8 + WORDS * 4;
    this.memory = memory;
    this.#stats = new Float64Array(memory, 0, STATS);
    this.#words = new Int32Array(memory, STATS * 8, WORDS);
    this.#heard = bothViews(memory, samplesAt);
    this.#said = bothViews(memory, samplesAt + MAX_SAMPLES * 2);
  }

  /** The worker's. */
  putHeard(samples: Int16Array): void {
    this.#heard[1].set(samples);
    this.#words[HEARD] = samples.length;
  }

  /** The worker's. */
  putStats(stats: AudioStats): void {
    for (const [i, name] of NAMES.entries()) this.#stats[i] = stats[name] ?? Number.NaN;
  }

  /** The main thread's: undefined when there is nothing of that length. */
  heard(count: number): Int16Array | undefined {
    return this.#words[HEARD] === count ? viewOf(this.#heard, count) : undefined;
  }

  /** The main thread's. */
  putSaid(samples: Int16Array): void {
    this.#said[1].set(samples);
    this.#words[SAID] = samples.length;
  }

  /** The worker's: once each time that something was put; undefined when nothing is to be said. */
  takeSaid(): Int16Array | undefined {
    const count = this.#words[SAID] ?? 0;
    this.#words[SAID] = 0;
    return count === 0 ? undefined : viewOf(this.#said, count);
  }

  /** As they were a few beats ago. */
  stats(): AudioStats {
    const at = (name: keyof AudioStats): number => this.#stats[NAMES.indexOf(name)] ?? 0;
    const roundTripMs = at('roundTripMs');
    return {
      packetsSent: at('packetsSent'),
      bytesSent: at('bytesSent'),
      packetsReceived: at('packetsReceived'),
      bytesReceived: at('bytesReceived'),
      lost: at('lost'),
      late: at('late'),
      jitterMs: at('jitterMs'),
      wrongSource: at('wrongSource'),
      malformed: at('malformed'),
      flooded: at('flooded'),
      authFailures: at('authFailures'),
      replays: at('replays'),
      unknownPayload: at('unknownPayload'),
      digitsReceived: at('digitsReceived'),
      sendErrors: at('sendErrors'),
      reportsSent: at('reportsSent'),
      octetsReported: at('octetsReported'),
      reportsReceived: at('reportsReceived'),
      roundTripMs: Number.isNaN(roundTripMs) ? undefined : roundTripMs,
      peerLoss: at('peerLoss'),
      peerJitterMs: at('peerJitterMs'),
      bufferMs: at('bufferMs'),
      mos: at('mos'),
      peerMos: at('peerMos'),
    };
  }
}

function bothViews(memory: SharedArrayBuffer, at: number): [Int16Array, Int16Array] {
  return [new Int16Array(memory, at, NARROW_SAMPLES), new Int16Array(memory, at, MAX_SAMPLES)];
}

function viewOf(views: readonly [Int16Array, Int16Array], count: number): Int16Array {
  return count === NARROW_SAMPLES ? views[0] : views[1];
}
