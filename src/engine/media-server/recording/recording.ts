// One recording of a channel: fed every tick from its first on, masked, paused and stopped by its path (contract §7).
import { rm } from 'node:fs/promises';
import { isAbsolute } from 'node:path';
import { RateMatch } from '../../../protocol/rtp/rate-match.ts';
import type { MediaHost } from '../host.ts';
import { fileSink } from './file-sink.ts';
import { intakeSink } from './intake-sink.ts';
import type { RecordingLayout, RecordingSink } from './sink.ts';
import { artifactOf, channelsOf, interleave } from './sink.ts';

/** The vault keeps 8 kHz, and so do files of G.711. */
const NARROW = 8000;
const WIDE = 16_000;
/** Files of linear samples can have either rate. */
const LINEAR = /\.(?:wav|raw)$/i;

export interface RecordingRequest {
  readonly path: string;
  readonly layout: RecordingLayout;
  /** 0: without limit. */
  readonly limitSeconds: number;
  /** Samples a second, where the format leaves a choice; 8000 or 16000. */
  readonly rate: number;
  /** Goes on behind what the file holds. */
  readonly appends?: boolean;
}

export class Recording {
  readonly path: string;
  isMasked = false;
  isPaused = false;
  /** A file that is shorter is removed when it ends (`RECORD_MIN_SEC`). */
  leastSeconds = 0;
  /** Called once, when the sink cannot keep the audio or the time limit is reached. */
  onEnd: ((why: 'failed' | 'limit') => void) | undefined;
  readonly #layout: RecordingLayout;
  readonly #sink: RecordingSink;
  readonly #isFile: boolean;
  readonly #frame: Int16Array;
  readonly #rate: number;
  readonly #fromHeard = new RateMatch();
  readonly #fromSent = new RateMatch();
  readonly #limitSamples: number;
  #samples = 0;
  #isOver = false;

  private constructor({ path, layout, limitSeconds, rate }: RecordingRequest, sink: RecordingSink, isFile: boolean) {
    this.path = path;
    this.#isFile = isFile;
    this.#rate = rate;
    this.#layout = layout;
    this.#sink = sink;
    this.#limitSamples = limitSeconds > 0 ? limitSeconds * rate : Number.POSITIVE_INFINITY;
    this.#frame = new Int16Array(channelsOf(layout) * (rate / 50));
    sink.onFailure = () => this.onEnd?.('failed');
  }

  /** Begins at once; undefined when the path cannot be written. */
  static start(host: MediaHost, wanted: RecordingRequest): Recording | undefined {
    const { path } = wanted;
    const rate = wanted.rate >= WIDE && LINEAR.test(path) ? WIDE : NARROW;
    const sink = isAbsolute(path) ? openSink(host, wanted, rate) : undefined;
    return sink === undefined
      ? undefined
      : new Recording({ ...wanted, rate }, sink, artifactOf(path, host.spoolFolder) === undefined);
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

  capture(heard: Int16Array, sent: Int16Array): void {
    if (this.#isOver || this.isPaused) return;
    const count = this.#rate / 50;
    const left = this.#fromHeard.match(heard, count);
    const right = this.#fromSent.match(sent, count);
    const frame = this.isMasked ? this.#frame.fill(0) : interleave(this.#layout, left, right, this.#frame);
    this.#sink.write(frame);
    this.#samples += count;
    if (this.#samples >= this.#limitSamples) this.onEnd?.('limit');
  }

  /** Ends it; settles when the audio is safe. */
  async stop(): Promise<void> {
    if (this.#isOver) return;
    this.#isOver = true;
    this.onEnd = undefined;
    const isTooShort = this.isTooShort;
    await this.#sink.end();
    // A message that was meant to be longer leaves nothing; what the vault has taken it keeps.
    if (isTooShort && this.#isFile) await rm(this.path, { force: true });
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
function openSink(host: MediaHost, wanted: RecordingRequest, rate: number): RecordingSink | undefined {
  const { path, layout, appends = false } = wanted;
  const channels = channelsOf(layout);
  const artifact = artifactOf(path, host.spoolFolder);
  if (artifact === undefined) return fileSink({ path, channels, rate, appends });
  return host.intake === undefined ? undefined : intakeSink(host.intake, artifact, channels, host.clock);
}
