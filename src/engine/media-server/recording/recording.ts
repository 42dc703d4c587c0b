// One recording of a channel: fed every tick from its first on, masked, paused and stopped by its path (contract §7).
import { isAbsolute } from 'node:path';
import { TICK_SAMPLES } from '../audio/leg.ts';
import type { MediaHost } from '../host.ts';
import { fileSink } from './file-sink.ts';
import { intakeSink } from './intake-sink.ts';
import type { RecordingLayout, RecordingSink } from './sink.ts';
import { artifactOf, interleave } from './sink.ts';

const SAMPLES_A_SECOND = 8000;

export class Recording {
  readonly path: string;
  isMasked = false;
  isPaused = false;
  /** Called once, when the sink cannot keep the audio or the time limit is reached. */
  onEnd: ((why: 'failed' | 'limit') => void) | undefined;
  readonly #layout: RecordingLayout;
  readonly #sink: RecordingSink;
  readonly #frame: Int16Array;
  readonly #limitSamples: number;
  #samples = 0;
  #isOver = false;

  private constructor(path: string, layout: RecordingLayout, sink: RecordingSink, limitSeconds: number) {
    this.path = path;
    this.#layout = layout;
    this.#sink = sink;
    this.#limitSamples = limitSeconds > 0 ? limitSeconds * SAMPLES_A_SECOND : Number.POSITIVE_INFINITY;
    this.#frame = new Int16Array(layout === 'stereo' ? TICK_SAMPLES * 2 : TICK_SAMPLES);
    sink.onFailure = () => this.onEnd?.('failed');
  }

  /** Begins at once; undefined when the path cannot be written. */
  static start(host: MediaHost, path: string, layout: RecordingLayout, limitSeconds = 0): Recording | undefined {
    const channels = layout === 'stereo' ? 2 : 1;
    const sink = isAbsolute(path) ? openSink(host, path, channels) : undefined;
    return sink === undefined ? undefined : new Recording(path, layout, sink, limitSeconds);
  }

  /** Samples per channel. */
  get samples(): number {
    return this.#samples;
  }

  get seconds(): number {
    return Math.floor(this.#samples / SAMPLES_A_SECOND);
  }

  capture(heard: Int16Array, sent: Int16Array): void {
    if (this.#isOver || this.isPaused) return;
    const frame = this.isMasked ? this.#frame.fill(0) : interleave(this.#layout, heard, sent, this.#frame);
    this.#sink.write(frame);
    this.#samples += TICK_SAMPLES;
    if (this.#samples >= this.#limitSamples) this.onEnd?.('limit');
  }

  /** Ends it; settles when the audio is safe. */
  async stop(): Promise<void> {
    if (this.#isOver) return;
    this.#isOver = true;
    this.onEnd = undefined;
    await this.#sink.end();
  }

  /** What FreeSWITCH leaves on the channel at the end. */
  variables(): Readonly<Record<string, string | number>> {
    const ms = Math.floor(this.#samples / 8);
    return {
      record_file_size: this.#sink.bytes,
      record_samples: this.#samples,
      record_seconds: this.seconds,
      record_ms: ms,
    };
  }
}

/** An artifact's path never becomes a file, even when there is no intake to seal it. */
function openSink(host: MediaHost, path: string, channels: 1 | 2): RecordingSink | undefined {
  const artifact = artifactOf(path, host.spoolFolder);
  if (artifact === undefined) return fileSink(path, channels);
  return host.intake === undefined ? undefined : intakeSink(host.intake, artifact, channels, host.clock);
}
