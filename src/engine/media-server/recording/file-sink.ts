// Recording into a file: WAV (16-bit linear, header completed at the end), headerless linear, µ-law or A-law; appended as audio comes.
import { close, closeSync, openSync, readSync, statSync, write } from 'node:fs';
import { extname } from 'node:path';
import { pcma, pcmu } from '../../../kernel/g711.ts';
import type { RecordingSink } from './sink.ts';

const WAV_HEADER_BYTES = 44;
/** Bytes that may wait for the disk before the recording is given up. */
const MAX_WAITING_BYTES = 4 * 1024 * 1024;

export type FileFormat = 'wav' | 'linear' | 'ulaw' | 'alaw';

const FORMATS: Readonly<Record<string, FileFormat>> = {
  '.wav': 'wav',
  '.raw': 'linear',
  '.r8': 'linear',
  '.r16': 'linear',
  '.ul': 'ulaw',
  '.ulaw': 'ulaw',
  '.al': 'alaw',
  '.alaw': 'alaw',
};

export interface FileSinkOptions {
  readonly path: string;
  /** What is written; by the path's ending when absent. */
  readonly format?: FileFormat;
  readonly channels: 1 | 2;
  readonly rate: number;
  /** Goes on behind what is there, if that is of the same kind. */
  readonly appends: boolean;
}

/** Opens the file at once; undefined when it cannot be written or its ending is not known. */
export function fileSink(options: FileSinkOptions): RecordingSink | undefined {
  const { path, channels, rate, appends, format = FORMATS[extname(path).toLowerCase()] } = options;
  if (format === undefined) return undefined;
  try {
    const held = appends ? heldBytes(path, format, channels, rate) : 0;
    const file = openSync(path, held > 0 ? 'r+' : 'w', 0o600);
    return new FileSink(file, { format, channels, rate, held });
  } catch {
    return undefined;
  }
}

interface Shape {
  readonly format: FileFormat;
  readonly channels: 1 | 2;
  readonly rate: number;
  /** Bytes of the file that stay. */
  readonly held: number;
}

/** What a file holds already; 0 when it is not there, or a WAV of another kind. */
function heldBytes(path: string, format: FileFormat, channels: 1 | 2, rate: number): number {
  const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  if (format !== 'wav' || size < WAV_HEADER_BYTES) return format === 'wav' ? 0 : size;
  const header = Buffer.alloc(WAV_HEADER_BYTES);
  const file = openSync(path, 'r');
  readSync(file, header, 0, WAV_HEADER_BYTES, 0);
  closeSync(file);
  return header.subarray(20, 40).equals(wavHeader(0, channels, rate).subarray(20, 40)) ? size : 0;
}

class FileSink implements RecordingSink {
  onFailure: (() => void) | undefined;
  readonly #file: number;
  readonly #format: FileFormat;
  readonly #channels: 1 | 2;
  readonly #rate: number;
  #bytes = 0;
  #position = 0;
  #waiting: Buffer[] = [];
  #waitingBytes = 0;
  #isWriting = false;
  #hasFailed = false;
  #ended: (() => void) | undefined;

  constructor(file: number, { format, channels, rate, held }: Shape) {
    this.#file = file;
    this.#format = format;
    this.#channels = channels;
    this.#rate = rate;
    this.#position = held;
    this.#bytes = format === 'wav' && held > 0 ? held - WAV_HEADER_BYTES : held;
    if (format === 'wav' && held === 0) this.#append(wavHeader(0, channels, rate));
  }

  get bytes(): number {
    return this.#bytes;
  }

  write(samples: Int16Array): void {
    if (this.#hasFailed) return;
    const coded = encode(this.#format, samples);
    this.#bytes += coded.length;
    this.#append(coded);
  }

  end(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#ended = resolve;
    this.#flush();
    return promise;
  }

  #append(bytes: Buffer): void {
    this.#waiting.push(bytes);
    this.#waitingBytes += bytes.length;
    if (this.#waitingBytes > MAX_WAITING_BYTES) this.#fail();
    this.#flush();
  }

  #fail(): void {
    if (this.#hasFailed) return;
    this.#hasFailed = true;
    this.#waiting = [];
    this.#waitingBytes = 0;
    this.onFailure?.();
  }

  #flush(): void {
    if (this.#isWriting) return;
    if (this.#waiting.length === 0) {
      if (this.#ended !== undefined) this.#finish(this.#ended);
      return;
    }
    const bytes = this.#waiting.length === 1 ? (this.#waiting[0] ?? Buffer.alloc(0)) : Buffer.concat(this.#waiting);
    this.#waiting = [];
    this.#waitingBytes = 0;
    this.#put(bytes, this.#position);
    this.#position += bytes.length;
  }

  #put(bytes: Buffer, position: number): void {
    this.#isWriting = true;
    write(this.#file, bytes, 0, bytes.length, position, (error) => {
      this.#isWriting = false;
      if (error !== null) this.#fail();
      this.#flush();
    });
  }

  #finish(ended: () => void): void {
    this.#ended = undefined;
    const done = () => close(this.#file, () => ended());
    if (this.#format !== 'wav' || this.#hasFailed) done();
    else write(this.#file, wavHeader(this.#bytes, this.#channels, this.#rate), 0, WAV_HEADER_BYTES, 0, done);
  }
}

function encode(format: FileFormat, samples: Int16Array): Buffer {
  if (format === 'ulaw' || format === 'alaw') {
    const coded = Buffer.alloc(samples.length);
    (format === 'ulaw' ? pcmu : pcma).encode(samples, samples.length, coded, 0);
    return coded;
  }
  const bytes = Buffer.alloc(samples.length * 2);
  for (let i = 0; i < samples.length; i++) bytes.writeInt16LE(samples[i] ?? 0, i * 2);
  return bytes;
}

function wavHeader(dataBytes: number, channels: number, rate: number): Buffer {
  const header = Buffer.alloc(WAV_HEADER_BYTES);
  header.write('RIFF', 0, 'latin1');
  header.writeUInt32LE(dataBytes === 0 ? 8 : dataBytes + 36, 4);
  header.write('WAVEfmt ', 8, 'latin1');
  header.writeUInt32LE(16, 16);
  header.writeUInt16LE(1, 20);
  header.writeUInt16LE(channels, 22);
  header.writeUInt32LE(rate, 24);
  header.writeUInt32LE(rate * channels * 2, 28);
  header.writeUInt16LE(channels * 2, 32);
  header.writeUInt16LE(16, 34);
  header.write('data', 36, 'latin1');
  header.writeUInt32LE(dataBytes, 40);
  return header;
}
