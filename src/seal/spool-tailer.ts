// Follows what a media server writes to the RAM-backed spool, `<artifact id>.ul`: seals it as it grows, reclaims what is safe, unlinks it at the end.
// For FreeSWITCH in the media server's place; the appliance does not start it yet.
import { closeSync, openSync, readdirSync, readSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '../kernel/clock.ts';
import { codeOf } from '../kernel/errors.ts';
import { bytesPerSample, SPOOL_FILE, sampleRate } from './intake.ts';
import { type Capture, type IntakeClient, MAX_QUEUE_MS } from './intake-client.ts';

export interface SpoolTailerOptions {
  readonly folder: string;
  readonly intake: IntakeClient;
  readonly clock: Clock;
  /** Gives the file's first bytes back to the system (a hole); without it a file takes RAM until it ends. */
  readonly reclaim?: (path: string, bytes: number) => void;
  /** Told once of each recording that could not be kept; the code says why. */
  readonly onFailure?: (artifactId: string, code: string) => void;
}

const TICK_MS = 100;
/** Bytes of one file that one tick takes: seconds of audio, should the tailer have been away. */
const MAX_READ_BYTES = 256 * 1024;
const RECLAIM_BYTES = 1024 * 1024;
/** Files that are followed at once. */
const MAX_FILES = 1_000;

interface Tail {
  readonly artifactId: string;
  readonly path: string;
  readonly descriptor: number;
  readonly sampleBytes: number;
  /** Bytes a second. */
  readonly rate: number;
  readonly capture: Capture;
  offset: number;
  reclaimed: number;
}

export class SpoolTailer implements Disposable {
  readonly #options: SpoolTailerOptions;
  readonly #tails = new Map<string, Tail>();
  /** Being begun, or failed: not to be begun again as long as the file is there. */
  readonly #known = new Set<string>();
  readonly #buffer = Buffer.alloc(MAX_READ_BYTES);
  #timer: Disposable | undefined;

  constructor(options: SpoolTailerOptions) {
    this.#options = options;
    this.#schedule();
  }

  /** Takes what is left of a file that is written no more, and unlinks it once all is durable. Rejects `capture-failed`. */
  async finish(artifactId: string): Promise<void> {
    const tail = this.#tails.get(artifactId);
    if (tail === undefined) return;
    while (this.#read(tail) > 0);
    try {
      await tail.capture.end();
    } finally {
      this.#drop(tail);
    }
  }

  [Symbol.dispose](): void {
    this.#timer?.[Symbol.dispose]();
    for (const { descriptor } of this.#tails.values()) closeSync(descriptor);
    this.#tails.clear();
    this.#buffer.fill(0);
  }

  #schedule(): void {
    this.#timer = this.#options.clock.after(TICK_MS, () => {
      this.#look();
      for (const tail of this.#tails.values()) this.#read(tail);
      this.#schedule();
    });
  }

  #look(): void {
    const names = new Set(readdirSync(this.#options.folder));
    for (const artifactId of this.#known) if (!names.has(`${artifactId}.ul`)) this.#known.delete(artifactId);
    for (const name of names) {
      const artifactId = SPOOL_FILE.exec(name)?.[1];
      if (artifactId === undefined || this.#known.has(artifactId) || this.#tails.has(artifactId)) continue;
      if (this.#known.size + this.#tails.size < MAX_FILES) void this.#begin(artifactId);
    }
  }

  /** The file is read from its start: what was sealed before a restart of the tailer the capture leaves out. */
  async #begin(artifactId: string): Promise<void> {
    this.#known.add(artifactId);
    const path = join(this.#options.folder, `${artifactId}.ul`);
    try {
      const capture = await this.#options.intake.begin(artifactId);
      const { encoding, channels } = capture;
      const sampleBytes = bytesPerSample(encoding, channels);
      const rate = sampleRate(encoding) * sampleBytes;
      const place = { artifactId, path, descriptor: openSync(path, 'r'), sampleBytes, rate };
      const tail: Tail = { ...place, capture, offset: 0, reclaimed: 0 };
      this.#tails.set(artifactId, tail);
      capture.onFailure(() => {
        this.#drop(tail);
        this.#options.onFailure?.(artifactId, 'capture-failed');
      });
    } catch (thrown) {
      const code = codeOf(thrown);
      const isLost = code === 'artifact-unknown' || code === 'artifact-closed';
      if (isLost)
        rmSync(path, { force: true }); // audio in clear that belongs nowhere
      else this.#known.delete(artifactId); // the vault is away: at the next tick again
      if (isLost) this.#options.onFailure?.(artifactId, code);
    }
  }

  /** Answers how many bytes were taken. */
  #read(tail: Tail): number {
    const read = readSync(tail.descriptor, this.#buffer, 0, MAX_READ_BYTES, tail.offset);
    const whole = read - (read % tail.sampleBytes);
    if (whole > 0) tail.capture.write(this.#buffer.subarray(0, whole), tail.offset / tail.sampleBytes);
    this.#buffer.fill(0, 0, read);
    tail.offset += whole;
    this.#reclaim(tail);
    return whole;
  }

  /** What is older than the longest wait for the vault is durable, or the recording has failed. */
  #reclaim(tail: Tail): void {
    const safe = tail.offset - Math.ceil((tail.rate * MAX_QUEUE_MS) / 1000);
    if (this.#options.reclaim === undefined || safe - tail.reclaimed < RECLAIM_BYTES) return;
    this.#options.reclaim(tail.path, safe);
    tail.reclaimed = safe;
  }

  #drop(tail: Tail): void {
    if (this.#tails.get(tail.artifactId) !== tail) return;
    this.#tails.delete(tail.artifactId);
    closeSync(tail.descriptor);
    rmSync(tail.path, { force: true });
  }
}
