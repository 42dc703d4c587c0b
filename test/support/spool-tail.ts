// What FreeSWITCH records to the spool, handed to the vault's intake as it grows: for tests that drive a FreeSWITCH in the place of ours.
import { closeSync, existsSync, mkdirSync, openSync, readdirSync, readSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Capture, IntakeClient } from '../../src/seal/intake-client.ts';

const LOOK_MS = 40;
/** A file that has not grown for so long is over; a recording that is paused for longer would be cut. */
const OVER_MS = 2_000;
const PIECE = 65_536;

/** Tails `<spool>/<artifactId>.ul` until disposed. */
export function tailSpool(spoolFolder: string, intake: IntakeClient): Disposable {
  const tailed = new Map<string, Tail>();
  mkdirSync(spoolFolder, { recursive: true, mode: 0o700 });
  const timer = setInterval(() => {
    if (!existsSync(spoolFolder)) return;
    for (const name of readdirSync(spoolFolder)) {
      const id = /^([a-z2-7]{26})\.ul$/.exec(name)?.[1];
      if (id !== undefined && !tailed.has(id)) tailed.set(id, new Tail(join(spoolFolder, name), intake.begin(id)));
    }
    for (const tail of tailed.values()) tail.look();
  }, LOOK_MS);
  return { [Symbol.dispose]: () => clearInterval(timer) };
}

class Tail {
  readonly #path: string;
  #capture: Capture | undefined;
  #offset = 0;
  #quietMs = 0;
  #isOver = false;

  constructor(path: string, begun: Promise<Capture>) {
    this.#path = path;
    begun.then(
      (capture) => {
        this.#capture = capture;
      },
      () => {
        this.#isOver = true;
      },
    );
  }

  look(): void {
    const capture = this.#capture;
    if (capture === undefined || this.#isOver) return;
    const bytes = this.#grown(capture.channels);
    if (bytes.length > 0) {
      capture.write(bytes, this.#offset / capture.channels);
      this.#offset += bytes.length;
      this.#quietMs = 0;
      return;
    }
    this.#quietMs += LOOK_MS;
    if (this.#quietMs < OVER_MS) return;
    this.#isOver = true;
    void capture.end().catch(() => undefined);
    rmSync(this.#path, { force: true });
  }

  #grown(channels: number): Buffer {
    const piece = Buffer.alloc(PIECE);
    const file = openSync(this.#path, 'r');
    const count = readSync(file, piece, 0, PIECE, this.#offset);
    closeSync(file);
    return piece.subarray(0, count - (count % channels));
  }
}
