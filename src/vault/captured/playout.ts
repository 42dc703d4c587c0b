// Play-out to a phone: clear µ-law in a file of its own on RAM, removed when played, after ten minutes, or at the next start.
import { chmodSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '../../kernel/clock.ts';
import { WardlineError } from '../../kernel/errors.ts';
import { newId } from '../../kernel/id.ts';

const MAX_AGE_MS = 10 * 60_000;
const MAX_FILES = 64;

export class PlayoutFolder implements Disposable {
  readonly #folder: string;
  readonly #clock: Clock;
  readonly #timers = new Map<string, Disposable>();

  /** Empties the folder: what an earlier process left there is nobody's. */
  constructor(spoolFolder: string, clock: Clock) {
    this.#folder = join(spoolFolder, 'out');
    this.#clock = clock;
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /** Answers the path of a file that holds `audio`. */
  put(audio: Uint8Array): string {
    if (this.#timers.size >= MAX_FILES) {
      throw new WardlineError('vault-busy', 'Too many messages are being played at once; try again in a moment.');
    }
    mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
    chmodSync(this.#folder, 0o700);
    const path = join(this.#folder, `${newId()}.ul`);
    writeFileSync(path, audio, { mode: 0o600, flag: 'wx' });
    this.#timers.set(
      path,
      this.#clock.after(MAX_AGE_MS, () => this.remove(path)),
    );
    return path;
  }

  /** Removes a file that `put` made; any other path is left alone. */
  remove(path: string): void {
    const timer = this.#timers.get(path);
    if (timer === undefined) return;
    timer[Symbol.dispose]();
    this.#timers.delete(path);
    rmSync(path, { force: true });
  }

  [Symbol.dispose](): void {
    for (const path of [...this.#timers.keys()]) this.remove(path);
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
