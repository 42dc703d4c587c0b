// Plays a playback argument to a channel: its parts in order with a pause between, START and STOP events, variables, break and time-out.
import { RateMatch } from '../../../protocol/rtp/rate-match.ts';
import { TICK_MS } from '../../../protocol/rtp/tick.ts';
import type { Fields } from '../host/event-hub.ts';
import type { Opened } from '../sources/open-source.ts';
import { openSource, splitParts } from '../sources/open-source.ts';
import type { AudioSource } from '../sources/source.ts';
import type { Channel } from './channel.ts';
import { soundsHostOf } from './sound-settings.ts';

export type PlayResult = 'FILE PLAYED' | 'FILE NOT FOUND' | 'PLAYBACK ERROR';

export interface PlayStyle {
  readonly isEndless?: boolean;
  /** Between parts; the channel's `playback_sleep_val` when absent. */
  readonly pauseMs?: number;
  /** The argument is one part, whatever is in it, and no event tells of it. */
  readonly isSpeech?: boolean;
}

/** FreeSWITCH reads a source in blocks of so many samples and counts what it read. */
const READ_BLOCK = 16_384;
const DEFAULT_PAUSE_MS = 250;

export class Player {
  readonly #channel: Channel;
  readonly #parts: readonly string[];
  readonly #onDone: (result: PlayResult) => void;
  readonly #isEndless: boolean;
  readonly #isTold: boolean;
  readonly #fixedPauseMs: number | undefined;
  readonly #limitMs: number;
  readonly #rates = new RateMatch();
  /** For a source that was opened at another rate than the party has now. */
  #ticks: Int16Array | undefined;
  #next = 0;
  #current: Opened | undefined;
  #played = 0;
  #elapsedMs = 0;
  #pauseMs = 0;
  #result: PlayResult = 'FILE NOT FOUND';
  #isOpening = false;
  #isOver = false;

  constructor(channel: Channel, argument: string, onDone: (result: PlayResult) => void, style: PlayStyle = {}) {
    this.#channel = channel;
    this.#isTold = style.isSpeech !== true;
    this.#parts = this.#isTold ? splitParts(argument, channel.variables.get('playback_delimiter')) : [argument];
    this.#onDone = onDone;
    this.#isEndless = style.isEndless ?? false;
    this.#fixedPauseMs = style.pauseMs;
    const timeout = Number(channel.variables.get('playback_timeout_sec') ?? 0);
    this.#limitMs = timeout > 1 ? timeout * 1000 : Number.POSITIVE_INFINITY;
  }

  start(): void {
    this.#openNext();
  }

  /** Puts the next 20 ms into `out`, which holds silence. */
  tick(out: Int16Array): void {
    if (this.#isOver) return;
    this.#elapsedMs += TICK_MS;
    if (this.#current !== undefined) this.#play(this.#current, out);
    else if (!this.#isOpening) this.#pause();
    if (!this.#isOver && this.#elapsedMs >= this.#limitMs) this.#stop('done', 'PLAYBACK ERROR');
  }

  break(): void {
    this.#stop('break', 'FILE PLAYED');
  }

  /** The channel ends. */
  abort(): void {
    this.#stop('done', 'PLAYBACK ERROR');
  }

  #play(current: Opened, out: Int16Array): void {
    const { source } = current;
    const size = source.rateKhz * TICK_MS;
    const count = size === out.length ? source.read(out) : this.#readMatched(source, size, out);
    this.#played += count;
    if (count < size) {
      if (size === out.length) out.fill(0, count);
      this.#closePart('done');
      this.#result = 'FILE PLAYED';
      this.#goOn();
    }
  }

  #readMatched(source: AudioSource, size: number, out: Int16Array): number {
    if (this.#ticks?.length !== size) this.#ticks = new Int16Array(size);
    const count = source.read(this.#ticks);
    this.#ticks.fill(0, count);
    out.set(this.#rates.match(this.#ticks, out.length));
    return count;
  }

  #pause(): void {
    this.#pauseMs -= TICK_MS;
    if (this.#pauseMs <= 0) this.#openNext();
  }

  #goOn(): void {
    if (this.#next >= this.#parts.length && !this.#isEndless) {
      this.#finish();
      return;
    }
    const pause = this.#fixedPauseMs ?? Number(this.#channel.variables.get('playback_sleep_val') ?? DEFAULT_PAUSE_MS);
    this.#pauseMs = this.#parts.length > 1 ? Math.max(0, pause) : 0;
    if (this.#pauseMs === 0) this.#openNext();
  }

  #openNext(): void {
    if (this.#next >= this.#parts.length && this.#isEndless) this.#next = 0;
    const part = this.#parts[this.#next++];
    if (part === undefined) {
      this.#finish();
      return;
    }
    const opened = openSource(part, soundsHostOf(this.#channel), this.#channel.leg.rate / 1000);
    if (!(opened instanceof Promise)) {
      this.#begin(opened);
      return;
    }
    this.#isOpening = true;
    this.#channel.host.supervise(
      opened.then((file) => {
        this.#isOpening = false;
        if (!this.#isOver) this.#begin(file);
      }),
    );
  }

  #begin(opened: Opened | undefined): void {
    if (opened === undefined) {
      this.#result = 'FILE NOT FOUND';
      // An endless playback of what does not exist would never pause.
      if (this.#next >= this.#parts.length) this.#finish();
      else this.#openNext();
      return;
    }
    this.#current = opened;
    this.#played = 0;
    if (!this.#isTold) return;
    this.#channel.variables.setAll({ current_loop: 1, total_loops: 1 });
    this.#channel.publish('PLAYBACK_START', fileFields(opened));
  }

  #closePart(status: 'done' | 'break'): void {
    const current = this.#current;
    if (current === undefined) return;
    this.#current = undefined;
    if (!this.#isTold) return;
    const read = Math.min(current.source.totalSamples, Math.ceil(this.#played / READ_BLOCK) * READ_BLOCK);
    this.#channel.variables.setAll({
      // A place in the file: where it began and what was played (seen on 1.10.12).
      playback_last_offset_pos: (current.skipped ?? 0) + this.#played,
      playback_seconds: Math.floor(read / (current.source.rateKhz * 1000)),
      playback_ms: Math.floor(read / current.source.rateKhz),
      playback_samples: read,
    });
    this.#channel.publish('PLAYBACK_STOP', [...fileFields(current), ['Playback-Status', status]]);
  }

  #stop(status: 'done' | 'break', result: PlayResult): void {
    if (this.#isOver) return;
    this.#closePart(status);
    this.#result = result;
    this.#finish();
  }

  #finish(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#onDone(this.#result);
  }
}

function fileFields({ path, source }: Opened): Fields {
  const type: Fields = source.fileType === undefined ? [] : [['Playback-File-Type', source.fileType]];
  return [...type, ['Playback-File-Path', path]];
}
