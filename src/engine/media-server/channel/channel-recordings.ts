// The session recordings of one channel, by path: `record_session`, `uuid_record` and what they tell (contract §7).

import type { RecordingEnd } from '../recording/recording.ts';
import { Recording } from '../recording/recording.ts';
import type { SilenceLimits } from '../recording/silence-watch.ts';
import type { RecordingLayout } from '../recording/sink.ts';
import type { Channel } from './channel.ts';
import { recordingRateOf } from './sound-settings.ts';
import { isTrue } from './variables.ts';

/** Session recordings that one channel may have at a time. */
const MAX_RECORDINGS = 8;
/** Subclass of the event that tells of digits silenced in a recording; FreeSWITCH has none. */
const DIGITS_BLANKED = 'wardline::digits-blanked';

export type RecordingAct = 'mask' | 'unmask' | 'pause' | 'resume';

export class ChannelRecordings {
  readonly #channel: Channel;
  readonly #byPath = new Map<string, Recording>();
  /** For the tick: no iterator is made while nothing is recorded. */
  #list: Recording[] = [];

  constructor(channel: Channel) {
    this.#channel = channel;
  }

  /** Starts one, `own` settings before the channel's variables; false when the path cannot be written. One that runs already goes on. */
  start(path: string, limitSeconds: number, own: ReadonlyMap<string, string> = new Map()): boolean {
    const { host, variables, codec } = this.#channel;
    const setting = (name: string) => own.get(name) ?? variables.get(name) ?? '';
    const isOn = (name: string) => isTrue(setting(name));
    if (this.#byPath.has(path)) return isOn('RECORD_TOGGLE_ON_REPEAT') ? this.stop(path) : true;
    if (this.#byPath.size >= MAX_RECORDINGS) return false;
    const silence = silenceOf(setting);
    const recording = Recording.start(host, {
      path,
      layout: layoutOf(isOn),
      limitSeconds,
      rate: Number(own.get('record_sample_rate')) || recordingRateOf(this.#channel),
      appends: isOn('RECORD_APPEND'),
      makesFolder: true,
      blanksDigits: isOn('RECORD_BLANK_DIGITS'),
      codec,
      ...(silence === undefined ? {} : { silence }),
    });
    if (recording === undefined) {
      variables.set('record_completion_cause', 'uri-failure');
      return false;
    }
    recording.onEnd = (why) => this.#endedByItself(recording, why, isOn('RECORD_HANGUP_ON_ERROR'));
    recording.onBlanked = (fromMs, toMs) => this.#tellBlanked(path, fromMs, toMs);
    if (!isOn('RECORD_APPEND')) recording.leastSeconds = Number(setting('RECORD_MIN_SEC')) || 0;
    recording.needsBridge = isOn('RECORD_BRIDGE_REQ');
    this.#byPath.set(path, recording);
    this.#list = [...this.#byPath.values()];
    this.#channel.publish('RECORD_START', [['Record-File-Path', path]]);
    return true;
  }

  #endedByItself(recording: Recording, why: RecordingEnd, hangsUp: boolean): void {
    if (why === 'silence') this.#finish(recording, silentCause(recording));
    else this.#finish(recording, why === 'failed' ? 'uri-failure' : 'success-maxtime');
    if (why === 'failed' && hangsUp) this.#channel.hangup('DESTINATION_OUT_OF_ORDER');
  }

  /** Which digits they were is told nowhere. */
  #tellBlanked(path: string, fromMs: number, toMs: number): void {
    const told = [
      ['Record-File-Path', path],
      ['Blanked-From-Ms', String(fromMs)],
      ['Blanked-To-Ms', String(toMs)],
    ] as const;
    this.#channel.publish('CUSTOM', told, DIGITS_BLANKED);
  }

  act(path: string, act: RecordingAct): boolean {
    const recording = this.#byPath.get(path);
    if (recording === undefined) return false;
    if (act === 'mask' || act === 'unmask') recording.isMasked = act === 'mask';
    else recording.isPaused = act === 'pause';
    return true;
  }

  /** Stops one, or each of them for `all`. */
  stop(path: string): boolean {
    const stopped = path === 'all' ? this.#list : this.#list.filter((recording) => recording.path === path);
    const { isHungUp } = this.#channel;
    for (const recording of stopped) this.#finish(recording, isHungUp ? silentCause(recording) : 'success-maxtime');
    return stopped.length > 0;
  }

  capture(heard: Int16Array, sent: Int16Array): void {
    const isBridged = this.#channel.bridge !== undefined;
    for (let i = 0; i < this.#list.length; i++) {
      const recording = this.#list[i];
      if (recording !== undefined && (isBridged || !recording.needsBridge)) recording.capture(heard, sent);
    }
  }

  #finish(recording: Recording, cause: string): void {
    if (this.#byPath.get(recording.path) !== recording) return;
    this.#byPath.delete(recording.path);
    this.#list = [...this.#byPath.values()];
    this.#channel.host.supervise(recording.stop());
    const told = recording.isTooShort ? 'input-too-short' : cause;
    const discarded = recording.isTooShort ? { RECORD_DISCARDED: 'true' } : {};
    this.#channel.variables.setAll({ ...recording.variables(), record_completion_cause: told, ...discarded });
    this.#channel.publish('RECORD_STOP', [
      ['Record-File-Path', recording.path],
      ['Record-Completion-Cause', told],
    ]);
  }
}

/** How FreeSWITCH names the end by silence, and the end by hang-up. */
function silentCause(recording: Recording): string {
  return recording.hasSpoken ? 'success-silence' : 'no-input-timeout';
}

const DEFAULT_THRESHOLD = 200;

function silenceOf(setting: (name: string) => string): SilenceLimits | undefined {
  const [initialMs, finalMs] = [
    Number(setting('RECORD_INITIAL_TIMEOUT_MS')) || 0,
    Number(setting('RECORD_FINAL_TIMEOUT_MS')) || 0,
  ];
  if (initialMs <= 0 && finalMs <= 0) return undefined;
  return { initialMs, finalMs, threshold: Number(setting('RECORD_SILENCE_THRESHOLD')) || DEFAULT_THRESHOLD };
}

function layoutOf(isOn: (name: string) => boolean): RecordingLayout {
  if (isOn('RECORD_STEREO_SWAP')) return 'swapped';
  if (isOn('RECORD_STEREO')) return 'stereo';
  if (isOn('RECORD_READ_ONLY')) return 'heard';
  return isOn('RECORD_WRITE_ONLY') ? 'sent' : 'mixed';
}
