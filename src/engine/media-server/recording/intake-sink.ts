// Recording into the vault: µ-law to the intake in this process, no file; what comes before the vault's answer waits in memory.
import type { Clock } from '../../../kernel/clock.ts';
import { codeOf } from '../../../kernel/errors.ts';
import { pcmu } from '../../../kernel/g711.ts';
import type { Capture } from '../../../seal/intake-client.ts';
import type { Intake } from '../host/host.ts';
import type { RecordingSink } from './sink.ts';

/** Ticks that may wait for the vault to answer `begin`: 10 seconds. */
const MAX_WAITING_TICKS = 500;

/** How often a vault that is not there is asked again, as long as audio may wait. */
const RETRY_MS = 200;
const MAX_TRIES_AFTER_END = 50;
const WORTH_RETRYING = new Set(['link-closed', 'link-busy', 'deadline']);

/** A capture of one artifact with 1 or 2 interleaved channels. */
export class IntakeSink implements RecordingSink {
  onFailure: RecordingSink['onFailure'];
  readonly #intake: Intake;
  readonly #artifactId: string;
  readonly #channels: 1 | 2;
  readonly #clock: Clock;
  readonly #waiting: Uint8Array[] = [];
  /** Settles, and never fails, when the vault has answered or will not. */
  readonly #begun: Promise<void>;
  #capture: Capture | undefined;
  #coded = new Uint8Array(0);
  #samples = 0;
  #hasFailed = false;
  #hasEnded = false;
  #triesAfterEnd = 0;

  constructor(intake: Intake, artifactId: string, channels: 1 | 2, clock: Clock) {
    this.#intake = intake;
    this.#artifactId = artifactId;
    this.#channels = channels;
    this.#clock = clock;
    this.#begun = this.#begin().then(
      (opened) => this.#opened(opened),
      () => this.#fail(),
    );
  }

  get bytes(): number {
    return this.#samples * this.#channels;
  }

  write(frame: Int16Array): void {
    if (this.#hasFailed) return;
    if (this.#coded.length !== frame.length) this.#coded = new Uint8Array(frame.length);
    pcmu.encode(frame, frame.length, this.#coded, 0);
    if (this.#capture !== undefined) this.#capture.write(this.#coded, this.#samples);
    else if (this.#waiting.length < MAX_WAITING_TICKS) this.#waiting.push(this.#coded.slice());
    else this.#fail();
    this.#samples += frame.length / this.#channels;
  }

  async end(): Promise<void> {
    this.#hasEnded = true;
    await this.#begun;
    if (!this.#hasFailed) await this.#capture?.end().catch(() => this.#fail());
  }

  /** Asks until the vault answers, or the audio that waits has become too much. */
  async #begin(): Promise<Capture> {
    for (;;) {
      try {
        return await this.#intake.begin(this.#artifactId);
      } catch (error) {
        // A recording that is over waits no longer than one that goes on.
        const isTooLate = this.#hasFailed || (this.#hasEnded && ++this.#triesAfterEnd > MAX_TRIES_AFTER_END);
        if (isTooLate || !WORTH_RETRYING.has(codeOf(error))) throw error;
        await new Promise<void>((resolve) => this.#clock.after(RETRY_MS, resolve));
      }
    }
  }

  #opened(capture: Capture): void {
    if (this.#hasFailed) return;
    if (capture.encoding !== 'ulaw-8000' || capture.channels !== this.#channels) {
      void capture.end().catch(() => undefined);
      this.#fail();
      return;
    }
    this.#capture = capture;
    capture.onFailure(() => this.#fail());
    let at = 0;
    for (const bytes of this.#waiting.splice(0)) {
      capture.write(bytes, at);
      at += bytes.length / this.#channels;
    }
  }

  #fail(): void {
    if (this.#hasFailed) return;
    this.#hasFailed = true;
    this.#waiting.length = 0;
    this.onFailure?.();
  }
}
