// One party in a conference: what it may say and hear, whether it is talking, and its 20 ms in and out of the mix.
import { RateMatch } from '../../../protocol/rtp/rate-match.ts';
import { clip, MAX_TICK_SAMPLES, meanMagnitude, samplesOf } from '../../../protocol/rtp/tick.ts';
import type { RunningApplication } from '../channel/application.ts';
import type { Channel } from '../channel/channel.ts';
import type { Conference } from './conference.ts';
import { FileQueue } from './file-queue.ts';
import { GainControl } from './gain-control.ts';

export interface MemberFlags {
  readonly isModerator: boolean;
  /** Its leaving ends the conference. */
  readonly isEndconf: boolean;
  readonly isGhost: boolean;
  /** The conference ends when fewer than two are left. */
  readonly isMintwo: boolean;
  /** It is mixed whatever its energy. */
  readonly isAlwaysHeard: boolean;
  readonly detectsWhileMuted: boolean;
}

/** Mean magnitude of speech, in 16-bit samples; FreeSWITCH's profile says 100 too. */
const DEFAULT_ENERGY = 100;
/** Loud ticks that make a talker, and quiet ones that end it. */
const TALK_TICKS = 3;
const HUSH_TICKS = 25;
const MAX_VOLUME = 4;

export class Member implements RunningApplication {
  readonly id: number;
  readonly channel: Channel;
  readonly flags: MemberFlags;
  readonly files: FileQueue;
  readonly agc = new GainControl();
  conference: Conference;
  isMuted: boolean;
  isDeaf: boolean;
  energyLevel = DEFAULT_ENERGY;
  energy = 0;
  /** Steps of 3 dB, -4 to 4. */
  volumeIn = 0;
  volumeOut = 0;
  isTalking = false;
  /** Took its part of the running beat. */
  isServed = false;
  /** What it adds to the mix in this beat; undefined when nothing. */
  said: Int16Array | undefined;
  readonly #leave: (response?: string) => void;
  readonly #fromParty = new RateMatch();
  readonly #toParty = new RateMatch();
  readonly #buffer = new Int16Array(MAX_TICK_SAMPLES);
  #mine: Int16Array;
  #scratch: Int16Array | undefined;
  #without: Int32Array | undefined;
  #loud = 0;
  #quiet = 0;

  constructor(
    conference: Conference,
    id: number,
    channel: Channel,
    flags: MemberFlags & { readonly isMuted: boolean; readonly isDeaf: boolean },
    leave: (response?: string) => void,
  ) {
    this.conference = conference;
    this.id = id;
    this.channel = channel;
    this.flags = flags;
    this.isMuted = flags.isMuted;
    this.isDeaf = flags.isDeaf;
    this.#leave = leave;
    this.#mine = this.#buffer.subarray(0, MAX_TICK_SAMPLES);
    this.files = new FileQueue(channel.host, (played) => this.conference.filePlayed(played, this));
  }

  /** The channel's beat: the first member that comes twice begins the next mix. */
  tick(_heard: Int16Array, out: Int16Array): void {
    this.conference.serve(this, out);
  }

  onDigit(digit: string): void {
    this.conference.tell('dtmf', this, [['DTMF-Key', digit]]);
  }

  onHangup(): void {
    this.conference.remove(this);
  }

  /** Out of the conference: the application is complete, the channel goes on. */
  release(): void {
    this.#leave();
  }

  /** What the party said in this beat, at the conference's rate, and whether that is talk. */
  listen(rate: number): void {
    const count = samplesOf(rate);
    const { heard } = this.channel.audio;
    this.energy = Math.round(meanMagnitude(heard));
    this.#judge();
    const isHeard = this.flags.isAlwaysHeard || this.isTalking || this.energy >= this.energyLevel;
    if (this.isMuted || !isHeard) {
      this.said = undefined;
      return;
    }
    const matched = this.agc.apply(this.#fromParty.match(heard, count), this.energy, this.isTalking);
    this.said = this.volumeIn === 0 ? matched : this.#scaled(matched, this.volumeIn);
  }

  /** The mix without its own voice, and what is played to it alone, into `out`. */
  speak(mix: Int32Array, rate: number, out: Int16Array): void {
    const count = samplesOf(rate);
    const mine = this.#view(count);
    const { said } = this;
    const without = this.#notHeard(count);
    for (let i = 0; i < count; i++) {
      const sample = this.isDeaf ? 0 : (mix[i] ?? 0) - (said?.[i] ?? 0) - (without?.[i] ?? 0);
      mine[i] = clip(sample);
    }
    if (this.volumeOut !== 0) scale(mine, this.volumeOut);
    const file = this.files.read(rate);
    if (file !== undefined) add(mine, file);
    out.set(this.#toParty.match(mine, out.length));
  }

  /** What those say in this beat that this member may not hear; undefined when it hears all. */
  #notHeard(count: number): Int32Array | undefined {
    const { relations, members } = this.conference;
    if (relations.isEmpty) return undefined;
    this.#without ??= new Int32Array(MAX_TICK_SAMPLES);
    const without = this.#without.fill(0, 0, count);
    for (let m = 0; m < members.length; m++) {
      const other = members[m];
      if (other?.said === undefined || other === this || relations.mayHear(this.id, other.id)) continue;
      for (let i = 0; i < count; i++) without[i] = (without[i] ?? 0) + (other.said[i] ?? 0);
    }
    return without;
  }

  #view(count: number): Int16Array {
    if (this.#mine.length !== count) this.#mine = this.#buffer.subarray(0, count);
    return this.#mine;
  }

  #scaled(samples: Int16Array, steps: number): Int16Array {
    const scaled = this.#scratch?.length === samples.length ? this.#scratch : new Int16Array(samples.length);
    this.#scratch = scaled;
    scaled.set(samples);
    scale(scaled, steps);
    return scaled;
  }

  #judge(): void {
    if (this.energy >= this.energyLevel) {
      this.#loud++;
      this.#quiet = 0;
    } else {
      this.#quiet++;
      if (this.#quiet > TALK_TICKS) this.#loud = 0;
    }
    if (!this.isTalking && this.#loud >= TALK_TICKS) this.#begins();
    else if (this.isTalking && this.#quiet >= HUSH_TICKS) {
      this.isTalking = false;
      if (!this.isMuted) this.conference.tell('stop-talking', this);
    }
  }

  #begins(): void {
    this.isTalking = true;
    if (!this.isMuted) this.conference.tell('start-talking', this);
    else if (this.flags.detectsWhileMuted) this.conference.tell('mute-detect', this);
  }
}

/** A step of `conference … volume_in`, held to what FreeSWITCH allows. */
export function boundedVolume(steps: number): number {
  return Math.max(-MAX_VOLUME, Math.min(MAX_VOLUME, Math.trunc(steps) || 0));
}

function scale(samples: Int16Array, steps: number): void {
  const gain = 10 ** ((3 * steps) / 20);
  for (let i = 0; i < samples.length; i++) {
    samples[i] = clip(Math.round((samples[i] ?? 0) * gain));
  }
}

function add(into: Int16Array, from: Int16Array): void {
  for (let i = 0; i < into.length; i++) {
    into[i] = clip((into[i] ?? 0) + (from[i] ?? 0));
  }
}
