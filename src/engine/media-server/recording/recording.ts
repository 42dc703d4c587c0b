// One recording of a channel: fed every tick from its first on, masked, paused and stopped by its path (contract §7).
import { mkdirSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { dirname, extname, resolve } from 'node:path';
import { RateMatch } from '../../../protocol/rtp/rate-match.ts';
import { NARROW_RATE, samplesOf, TICK_MS, WIDE_RATE } from '../../../protocol/rtp/tick.ts';
import type { MediaHost } from '../host/host.ts';
import { BLANKER_DELAY_TICKS, DigitBlanker } from './digit-blanker.ts';
import { fileSink } from './file-sink.ts';
import { IntakeSink } from './intake-sink.ts';
import { nativeSink } from './native-sink.ts';
import type { SilenceLimits } from './silence-watch.ts';
import { SilenceWatch } from './silence-watch.ts';
import type { RecordingLayout, RecordingSink } from './sink.ts';
import { artifactOf, channelsOf, interleave } from './sink.ts';

/** The vault keeps 8 kHz, and so do files of G.711. */
/** Files of linear samples can have either rate. */
const LINEAR = /\.(?:wav|raw|r16)$/i;

export interface RecordingRequest {
  readonly path: string;
  readonly layout: RecordingLayout;
  /** 0: without limit. */
  readonly limitSeconds: number;
  /** Samples a second, where the format leaves a choice; 8000 or 16000. */
  readonly rate: number;
  /** Goes on behind what the file holds. */
  readonly appends?: boolean;
  /** The folder is made when it is not there, as FreeSWITCH does for recordings of sessions. */
  readonly makesFolder?: boolean;
  /** Digits that sound in the audio are silenced; what is written runs 80 ms late. */
  readonly blanksDigits?: boolean;
  /** The party's codec, for a path without an ending. */
  readonly codec?: string;
  readonly silence?: SilenceLimits;
}

/** Why a recording ended by itself. */
export type RecordingEnd = 'failed' | 'limit' | 'silence';

export class Recording {
  readonly path: string;
  isMasked = false;
  isPaused = false;
  /** Nothing is taken while its channel is not bridged (`RECORD_BRIDGE_REQ`). */
  needsBridge = false;
  /** A file that is shorter is removed when it ends (`RECORD_MIN_SEC`). */
  leastSeconds = 0;
  /** Called once, when the sink cannot keep the audio, the time limit is reached or nothing more is said. */
  onEnd: ((why: RecordingEnd) => void) | undefined;
  /** Called after each stretch in which digits were silenced, on either side: milliseconds of its audio from its start. */
  onBlanked: ((fromMs: number, toMs: number) => void) | undefined;
  readonly #layout: RecordingLayout;
  readonly #sink: RecordingSink;
  readonly #isFile: boolean;
  readonly #frame: Int16Array;
  readonly #rate: number;
  readonly #fromHeard = new RateMatch();
  readonly #fromSent = new RateMatch();
  readonly #limitSamples: number;
  readonly #blankers: { readonly heard: DigitBlanker; readonly sent: DigitBlanker } | undefined;
  readonly #silence: SilenceWatch | undefined;
  readonly #quiet: Int16Array;
  /** Ticks that the blankers hold back. */
  #heldTicks = 0;
  #blankedFromMs: number | undefined;
  #samples = 0;
  #isOver = false;

  private constructor(wanted: RecordingRequest, sink: RecordingSink, isFile: boolean) {
    const { path, layout, limitSeconds, rate } = wanted;
    this.path = path;
    this.#isFile = isFile;
    this.#rate = rate;
    this.#layout = layout;
    this.#sink = sink;
    this.#limitSamples = limitSeconds > 0 ? limitSeconds * rate : Number.POSITIVE_INFINITY;
    const count = samplesOf(rate);
    this.#frame = new Int16Array(channelsOf(layout) * count);
    this.#quiet = new Int16Array(count);
    if (wanted.blanksDigits === true) {
      this.#blankers = { heard: new DigitBlanker(count), sent: new DigitBlanker(count) };
    }
    if (wanted.silence !== undefined) this.#silence = new SilenceWatch(wanted.silence);
    sink.onFailure = () => this.onEnd?.('failed');
  }

  /** Begins at once; undefined when the path cannot be written. A path that is not absolute is one of the sounds. */
  static start(host: MediaHost, request: RecordingRequest): Recording | undefined {
    const path = resolve(host.soundsFolder, request.path);
    const rate = request.rate >= WIDE_RATE && LINEAR.test(path) ? WIDE_RATE : NARROW_RATE;
    const isNative = extname(path) === '';
    const wanted = { ...request, path, rate, ...(isNative ? { layout: 'stereo' as const } : {}) };
    const isFile = artifactOf(path, host.spoolFolder) === undefined;
    const sink = openSink(host, wanted, isNative);
    if (sink !== undefined) return new Recording({ ...wanted, path: request.path }, sink, isFile);
    host.warnSeldom(
      'a recording was not begun: its folder is not there or not ours to write, or its ending is unknown',
    );
    return undefined;
  }

  /** Samples per channel. */
  get samples(): number {
    return this.#samples;
  }

  get isTooShort(): boolean {
    return this.#samples < this.leastSeconds * this.#rate;
  }

  get seconds(): number {
    return Math.floor(this.#samples / this.#rate);
  }

  /** Whether anything above the threshold of silence was said, where that is watched. */
  get hasSpoken(): boolean {
    return this.#silence?.hasSpoken ?? false;
  }

  capture(heard: Int16Array, sent: Int16Array): void {
    if (this.#isOver || this.isPaused) return;
    const count = samplesOf(this.#rate);
    const left = this.isMasked ? this.#quiet : this.#fromHeard.match(heard, count);
    const right = this.isMasked ? this.#quiet : this.#fromSent.match(sent, count);
    if (this.#blankers === undefined) this.#put(left, right);
    else this.#putBlanked(left, right);
    if (this.#samples >= this.#limitSamples) this.onEnd?.('limit');
    else if (this.#silence?.step(heard) === true) this.onEnd?.('silence');
  }

  #put(left: Int16Array, right: Int16Array): void {
    this.#sink.write(interleave(this.#layout, left, right, this.#frame));
    this.#samples += left.length;
  }

  #putBlanked(left: Int16Array, right: Int16Array): void {
    if (this.#blankers === undefined) return;
    const { heard, sent } = this.#blankers;
    const [before, beforeSent] = [heard.push(left), sent.push(right)];
    if (this.#heldTicks < BLANKER_DELAY_TICKS) this.#heldTicks++;
    else this.#put(before, beforeSent);
    if (!heard.isBlanking && !sent.isBlanking) this.#endBlanked(this.#takenMs - TICK_MS);
    else this.#blankedFromMs ??= Math.max(0, this.#takenMs - (1 + BLANKER_DELAY_TICKS) * TICK_MS);
  }

  #endBlanked(toMs: number): void {
    const fromMs = this.#blankedFromMs;
    this.#blankedFromMs = undefined;
    if (fromMs !== undefined) this.onBlanked?.(fromMs, toMs);
  }

  /** Of its audio, what the blankers hold back included. */
  get #takenMs(): number {
    return (1000 * this.#samples) / this.#rate + TICK_MS * this.#heldTicks;
  }

  /** Ends it; settles when the audio is safe. */
  async stop(): Promise<void> {
    if (this.#isOver) return;
    this.#isOver = true;
    this.onEnd = undefined;
    this.#endBlanked(this.#takenMs);
    for (; this.#heldTicks > 0; this.#heldTicks--) this.#release();
    const isTooShort = this.isTooShort;
    await this.#sink.end();
    // A message that was meant to be longer leaves nothing; what the vault has taken it keeps.
    if (isTooShort && this.#isFile) await rm(this.path, { force: true });
  }

  /** Writes the oldest tick that the blankers hold back. */
  #release(): void {
    const { heard, sent } = this.#blankers ?? {};
    if (heard !== undefined && sent !== undefined) this.#put(heard.push(this.#quiet), sent.push(this.#quiet));
  }

  /** What FreeSWITCH leaves on the channel at the end. */
  variables(): Readonly<Record<string, string | number>> {
    const ms = Math.floor((1000 * this.#samples) / this.#rate);
    return {
      record_file_size: this.#sink.bytes,
      record_samples: this.#samples,
      record_seconds: this.seconds,
      record_ms: ms,
    };
  }
}

/** An artifact's path never becomes a file, even when there is no intake to seal it. */
function openSink(host: MediaHost, wanted: RecordingRequest, isNative: boolean): RecordingSink | undefined {
  const { path, layout, rate, appends = false, codec = '' } = wanted;
  const channels = channelsOf(layout);
  const artifact = artifactOf(path, host.spoolFolder);
  if (artifact !== undefined) {
    return host.intake === undefined ? undefined : new IntakeSink(host.intake, artifact, channels, host.clock);
  }
  if (wanted.makesFolder === true && !makeFolder(dirname(path))) return undefined;
  return isNative ? nativeSink(path, codec) : fileSink({ path, channels, rate, appends });
}

function makeFolder(folder: string): boolean {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    return true;
  } catch {
    return false;
  }
}
