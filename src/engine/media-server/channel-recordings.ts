// The session recordings of one channel, by path: `record_session`, `uuid_record` and what they tell (contract §7).
import type { Channel } from './channel.ts';
import { Recording } from './recording/recording.ts';
import type { RecordingLayout } from './recording/sink.ts';

/** Session recordings that one channel may have at a time. */
const MAX_RECORDINGS = 8;

export type RecordingAct = 'mask' | 'unmask' | 'pause' | 'resume';

export class ChannelRecordings {
  readonly #channel: Channel;
  readonly #byPath = new Map<string, Recording>();
  /** For the tick: no iterator is made while nothing is recorded. */
  #list: Recording[] = [];

  constructor(channel: Channel) {
    this.#channel = channel;
  }

  /** Starts one; false when the path cannot be written or is being recorded to already. */
  start(path: string, limitSeconds: number): boolean {
    const { host, variables } = this.#channel;
    if (this.#byPath.has(path) || this.#byPath.size >= MAX_RECORDINGS) return false;
    const layout: RecordingLayout = variables.isTrue('RECORD_STEREO') ? 'stereo' : layoutOf(variables);
    const recording = Recording.start(host, { path, layout, limitSeconds, rate: this.#channel.recordingRate });
    if (recording === undefined) {
      variables.set('record_completion_cause', 'uri-failure');
      return false;
    }
    recording.onEnd = (why) => {
      this.#finish(recording, why === 'failed' ? 'uri-failure' : 'success-maxtime');
      if (why === 'failed' && variables.isTrue('RECORD_HANGUP_ON_ERROR')) {
        this.#channel.hangup('DESTINATION_OUT_OF_ORDER');
      }
    };
    this.#byPath.set(path, recording);
    this.#list = [...this.#byPath.values()];
    this.#channel.publish('RECORD_START', [['Record-File-Path', path]]);
    return true;
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
    for (const recording of stopped) this.#finish(recording, 'success-maxtime');
    return stopped.length > 0;
  }

  capture(heard: Int16Array, sent: Int16Array): void {
    for (let i = 0; i < this.#list.length; i++) this.#list[i]?.capture(heard, sent);
  }

  #finish(recording: Recording, cause: string): void {
    if (this.#byPath.get(recording.path) !== recording) return;
    this.#byPath.delete(recording.path);
    this.#list = [...this.#byPath.values()];
    this.#channel.host.supervise(recording.stop());
    this.#channel.variables.setAll({ ...recording.variables(), record_completion_cause: cause });
    this.#channel.publish('RECORD_STOP', [
      ['Record-File-Path', recording.path],
      ['Record-Completion-Cause', cause],
    ]);
  }
}

function layoutOf(variables: { isTrue(name: string): boolean }): RecordingLayout {
  return variables.isTrue('RECORD_READ_ONLY') ? 'heard' : 'mixed';
}
