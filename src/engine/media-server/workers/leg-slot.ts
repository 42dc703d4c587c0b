// The memory that one leg's two threads share: 20 ms heard, 20 ms to be said, and the leg's counters.
// The beat's messages order every access: the worker writes between `beat` and `heard`, the main thread between `heard` and `say`.
import { MAX_TICK_SAMPLES, NARROW_RATE, samplesOf } from '../../../protocol/rtp/tick.ts';
import type { AudioStats } from '../audio/stats.ts';

const NARROW_SAMPLES = samplesOf(NARROW_RATE);

/** Where each counter is in memory. */
const AT = {
  packetsSent: 0,
  bytesSent: 1,
  packetsReceived: 2,
  bytesReceived: 3,
  lost: 4,
  late: 5,
  jitterMs: 6,
  wrongSource: 7,
  malformed: 8,
  flooded: 9,
  authFailures: 10,
  replays: 11,
  unknownPayload: 12,
  digitsReceived: 13,
  sendErrors: 14,
  reportsSent: 15,
  octetsReported: 16,
  reportsReceived: 17,
  roundTripMs: 18,
  peerLoss: 19,
  peerJitterMs: 20,
  bufferMs: 21,
  mos: 22,
  peerMos: 23,
} as const satisfies Record<keyof AudioStats, number>;
const STATS = Object.keys(AT).length;

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

  constructor(memory = new SharedArrayBuffer(STATS * 8 + WORDS * 4 + 2 * MAX_TICK_SAMPLES * 2)) {
    const samplesAt = STATS * 8 + WORDS * 4;
    this.memory = memory;
    this.#stats = new Float64Array(memory, 0, STATS);
    this.#words = new Int32Array(memory, STATS * 8, WORDS);
    this.#heard = bothViews(memory, samplesAt);
    this.#said = bothViews(memory, samplesAt + MAX_TICK_SAMPLES * 2);
  }

  /** The worker's. */
  putHeard(samples: Int16Array): void {
    this.#heard[1].set(samples);
    this.#words[HEARD] = samples.length;
  }

  /** The worker's. One by one: a loop over names costs several times as much. */
  putStats(stats: AudioStats): void {
    const to = this.#stats;
    to[AT.packetsSent] = stats.packetsSent;
    to[AT.bytesSent] = stats.bytesSent;
    to[AT.packetsReceived] = stats.packetsReceived;
    to[AT.bytesReceived] = stats.bytesReceived;
    to[AT.lost] = stats.lost;
    to[AT.late] = stats.late;
    to[AT.jitterMs] = stats.jitterMs;
    to[AT.wrongSource] = stats.wrongSource;
    to[AT.malformed] = stats.malformed;
    to[AT.flooded] = stats.flooded;
    to[AT.authFailures] = stats.authFailures;
    to[AT.replays] = stats.replays;
    to[AT.unknownPayload] = stats.unknownPayload;
    to[AT.digitsReceived] = stats.digitsReceived;
    to[AT.sendErrors] = stats.sendErrors;
    to[AT.reportsSent] = stats.reportsSent;
    to[AT.octetsReported] = stats.octetsReported;
    to[AT.reportsReceived] = stats.reportsReceived;
    to[AT.roundTripMs] = stats.roundTripMs ?? Number.NaN;
    to[AT.peerLoss] = stats.peerLoss;
    to[AT.peerJitterMs] = stats.peerJitterMs;
    to[AT.bufferMs] = stats.bufferMs;
    to[AT.mos] = stats.mos;
    to[AT.peerMos] = stats.peerMos;
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
    const at = (counter: number): number => this.#stats[counter] ?? 0;
    const roundTripMs = at(AT.roundTripMs);
    return {
      packetsSent: at(AT.packetsSent),
      bytesSent: at(AT.bytesSent),
      packetsReceived: at(AT.packetsReceived),
      bytesReceived: at(AT.bytesReceived),
      lost: at(AT.lost),
      late: at(AT.late),
      jitterMs: at(AT.jitterMs),
      wrongSource: at(AT.wrongSource),
      malformed: at(AT.malformed),
      flooded: at(AT.flooded),
      authFailures: at(AT.authFailures),
      replays: at(AT.replays),
      unknownPayload: at(AT.unknownPayload),
      digitsReceived: at(AT.digitsReceived),
      sendErrors: at(AT.sendErrors),
      reportsSent: at(AT.reportsSent),
      octetsReported: at(AT.octetsReported),
      reportsReceived: at(AT.reportsReceived),
      roundTripMs: Number.isNaN(roundTripMs) ? undefined : roundTripMs,
      peerLoss: at(AT.peerLoss),
      peerJitterMs: at(AT.peerJitterMs),
      bufferMs: at(AT.bufferMs),
      mos: at(AT.mos),
      peerMos: at(AT.peerMos),
    };
  }
}

function bothViews(memory: SharedArrayBuffer, at: number): [Int16Array, Int16Array] {
  return [new Int16Array(memory, at, NARROW_SAMPLES), new Int16Array(memory, at, MAX_TICK_SAMPLES)];
}

function viewOf(views: readonly [Int16Array, Int16Array], count: number): Int16Array {
  return count === NARROW_SAMPLES ? views[0] : views[1];
}
