// A path without an ending: two files of coded frames, `<path>-in.PCMU` and `<path>-out.PCMU`, as mod_native_file writes them (contract §7.2).
import { fileSink } from './file-sink.ts';
import type { RecordingSink } from './sink.ts';

/** Takes both directions interleaved; undefined when the codec has no constant rate or a file cannot be written. */
export function nativeSink(path: string, codec: string): RecordingSink | undefined {
  const format = codec === 'PCMU' ? 'ulaw' : codec === 'PCMA' ? 'alaw' : undefined;
  if (format === undefined) return undefined;
  const [heard, sent] = ['in', 'out'].map((side) =>
    fileSink({ path: `${path}-${side}.${codec}`, format, channels: 1, rate: 8000, appends: false }),
  );
  if (heard === undefined || sent === undefined) return undefined;
  return new NativeSink(heard, sent);
}

class NativeSink implements RecordingSink {
  readonly #heard: RecordingSink;
  readonly #sent: RecordingSink;
  readonly #left = new Int16Array(160);
  readonly #right = new Int16Array(160);

  constructor(heard: RecordingSink, sent: RecordingSink) {
    this.#heard = heard;
    this.#sent = sent;
  }

  get bytes(): number {
    return this.#heard.bytes + this.#sent.bytes;
  }

  get onFailure(): (() => void) | undefined {
    return this.#heard.onFailure;
  }

  set onFailure(listener: (() => void) | undefined) {
    this.#heard.onFailure = listener;
    this.#sent.onFailure = listener;
  }

  write(samples: Int16Array): void {
    for (let i = 0; i < this.#left.length; i++) {
      this.#left[i] = samples[2 * i] ?? 0;
      this.#right[i] = samples[2 * i + 1] ?? 0;
    }
    this.#heard.write(this.#left);
    this.#sent.write(this.#right);
  }

  async end(): Promise<void> {
    await Promise.all([this.#heard.end(), this.#sent.end()]);
  }
}
