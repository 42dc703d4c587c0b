// The marks of one recording: what was masked and paused, at which moment of its audio; they wait for a vault that is away.
import type { Clock } from '../../kernel/clock.ts';
import type { ArtifactId } from '../../kernel/id.ts';
import type { Vault } from '../../vault/contract.ts';
import type { RecordingChange } from '../leg/media.ts';

export type Mark = 'notice-played' | 'masked' | 'unmasked' | 'paused' | 'resumed' | 'digits-blanked' | 'digits-over';

const MARK_OF: Readonly<Record<RecordingChange, Mark>> = {
  mask: 'masked',
  unmask: 'unmasked',
  pause: 'paused',
  resume: 'resumed',
};
/** A recording with more changes than this was not changed by a person. */
const MAX_MARKS = 1_000;
/** Of these, for digits: whoever sends tones without end leaves room for the others. */
const MAX_ENTRIES = 200;
/** Digits that follow each other sooner are of one entry. */
const ENTRY_GAP_MS = 2_000;

export interface RecordingMarksOptions {
  readonly vault: Vault;
  readonly clock: Clock;
  readonly artifactId: ArtifactId;
}

export class RecordingMarks {
  readonly #options: RecordingMarksOptions;
  readonly #startedAt: number;
  readonly #waiting: { readonly mark: Mark; readonly atMs: number }[] = [];
  #pausedAt: number | undefined;
  #pausedMs = 0;
  #count = 0;
  #entries = 0;
  /** Where the last digit of the present entry was over. */
  #digitsOverMs: number | undefined;
  #writing: Promise<void> | undefined;

  /** The recording begins now. */
  constructor(options: RecordingMarksOptions) {
    this.#options = options;
    this.#startedAt = options.clock.monotonic();
  }

  /** The recording was changed just now. */
  changed(change: RecordingChange): void {
    const now = this.#options.clock.monotonic();
    if (change === 'resume' && this.#pausedAt !== undefined) {
      this.#pausedMs += now - this.#pausedAt;
      this.#pausedAt = undefined;
    }
    if (change === 'pause') this.#pausedAt ??= now;
    this.put(MARK_OF[change], now);
  }

  put(mark: Mark, now: number = this.#options.clock.monotonic()): void {
    this.#add(mark, this.#positionMs(now));
  }

  /** Digits were silenced there. */
  blanked(fromMs: number, toMs: number): void {
    if (this.#digitsOverMs === undefined || fromMs - this.#digitsOverMs > ENTRY_GAP_MS) {
      this.#endEntry();
      if (this.#entries >= MAX_ENTRIES) return;
      this.#entries++;
      this.#add('digits-blanked', Math.round(fromMs));
    }
    this.#digitsOverMs = Math.round(toMs);
  }

  /** No more follow. Rejects as `write` does. */
  async finish(): Promise<void> {
    this.#endEntry();
    await this.write();
  }

  #endEntry(): void {
    if (this.#digitsOverMs !== undefined) this.#add('digits-over', this.#digitsOverMs);
    this.#digitsOverMs = undefined;
  }

  #add(mark: Mark, atMs: number): void {
    if (this.#count >= MAX_MARKS) return;
    this.#count++;
    this.#waiting.push({ mark, atMs });
    void this.write().catch(() => {
      // It is tried again with the next one, and before the recording is closed.
    });
  }

  /** Writes what waits, in order. Rejects when the vault does not take it; what is left waits on. */
  async write(): Promise<void> {
    this.#writing = (this.#writing ?? Promise.resolve()).catch(() => {}).then(() => this.#writeAll());
    await this.#writing;
  }

  /** Milliseconds of its audio so far: a pause is no part of it. */
  #positionMs(now: number): number {
    return Math.round((this.#pausedAt ?? now) - this.#startedAt - this.#pausedMs);
  }

  async #writeAll(): Promise<void> {
    const { vault, artifactId } = this.#options;
    for (let next = this.#waiting[0]; next !== undefined; next = this.#waiting[0]) {
      await vault.ask('artifact.mark', { artifactId, ...next });
      this.#waiting.shift();
    }
  }
}
