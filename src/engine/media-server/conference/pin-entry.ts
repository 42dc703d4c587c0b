// At the door of a conference with a PIN: it is asked for, three times, before the channel becomes a member.
import { TICK_MS } from '../../../protocol/rtp/tick.ts';
import type { RunningApplication } from '../channel/application.ts';
import type { Channel } from '../channel/channel.ts';
import { Player } from '../channel/player.ts';
import type { Conference } from './conference.ts';

const PIN_SOUND = 'conference/conf-pin.wav';
const BAD_PIN_SOUND = 'conference/conf-bad-pin.wav';
const TRIES = 3;
/** From the last digit or the end of the prompt. */
const PATIENCE_MS = 5_000;

export class PinEntry implements RunningApplication {
  readonly #channel: Channel;
  readonly #conference: Conference;
  readonly #enter: (pin: string) => RunningApplication | undefined;
  readonly #refuse: () => void;
  /** Behind the door: a member, or who is told that it was shut meanwhile. */
  #inside: RunningApplication | undefined;
  #player: Player | undefined;
  #digits = '';
  #waitedMs = 0;
  #triesLeft = TRIES;
  #isOver = false;

  constructor(
    channel: Channel,
    conference: Conference,
    enter: (pin: string) => RunningApplication | undefined,
    refuse: () => void,
  ) {
    this.#channel = channel;
    this.#conference = conference;
    this.#enter = enter;
    this.#refuse = refuse;
    this.#play(PIN_SOUND);
  }

  tick(heard: Int16Array, out: Int16Array): void {
    if (this.#inside !== undefined) this.#inside.tick?.(heard, out);
    else if (this.#player !== undefined) this.#player.tick(out);
    else {
      this.#waitedMs += TICK_MS;
      if (this.#waitedMs > PATIENCE_MS) this.#judge();
    }
  }

  onDigit(digit: string): void {
    if (this.#inside !== undefined) {
      this.#inside.onDigit?.(digit);
      return;
    }
    if (this.#isOver) return;
    this.#player?.break();
    this.#waitedMs = 0;
    if (digit !== '#') this.#digits += digit;
    if (digit === '#' || this.#digits.length >= this.#conference.pin.length) this.#judge();
  }

  onHangup(): void {
    this.#isOver = true;
    this.#player?.abort();
    this.#inside?.onHangup?.();
  }

  #judge(): void {
    const keyed = this.#digits;
    this.#digits = '';
    this.#waitedMs = 0;
    this.#triesLeft--;
    const isRight = keyed === this.#conference.pin;
    if (isRight) this.#inside = this.#enter(keyed);
    if (this.#inside !== undefined) return;
    if (!isRight && this.#triesLeft > 0) this.#play(BAD_PIN_SOUND);
    else {
      this.#isOver = true;
      this.#refuse();
    }
  }

  #play(sound: string): void {
    const player = new Player(this.#channel, sound, () => {
      if (this.#player === player) this.#player = undefined;
    });
    this.#player = player;
    if (!this.#isOver) player.start();
  }
}
