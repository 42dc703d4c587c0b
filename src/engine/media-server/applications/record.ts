// `record`: what the party says, into a file or the vault, until a time limit, silence, a terminator, a break or the end of the call.
import { splitWords } from '../../../protocol/event-socket/arguments.ts';
import type { Execution, RunningApplication } from '../channel/application.ts';
import { recordingRateOf } from '../channel/sound-settings.ts';
import { Recording } from '../recording/recording.ts';
import { SilenceWatch } from '../recording/silence-watch.ts';
import { terminatorsOf } from './playback.ts';

const DEFAULT_SILENCE_SECONDS = 3;

/** `<path> [seconds] [threshold] [seconds of silence]`. A path that cannot be written ends the call, as on FreeSWITCH. */
export function record({ channel, argument, complete }: Execution): RunningApplication | undefined {
  const [path = '', limit, threshold, hits] = splitWords(argument);
  if (path === '') return undefined;
  channel.variables.setAll({ playback_terminator_used: '', silence_hits_exhausted: 'false' });
  const recording = Recording.start(channel.host, {
    path,
    layout: 'heard',
    limitSeconds: Number(limit) || 0,
    rate: recordingRateOf(channel),
  });
  if (recording === undefined) {
    channel.variables.set('record_completion_cause', 'uri-failure');
    channel.hangup('DESTINATION_OUT_OF_ORDER');
    return undefined;
  }
  const silentMs = 1000 * (Number(hits) || DEFAULT_SILENCE_SECONDS);
  const silence = { initialMs: silentMs, finalMs: silentMs, threshold: Number(threshold) || 0 };
  const watch = silence.threshold > 0 ? new SilenceWatch(silence) : undefined;
  let isOver = false;

  function stop(cause: string): void {
    if (isOver || recording === undefined) return;
    isOver = true;
    channel.host.supervise(recording.stop());
    channel.variables.setAll({ ...recording.variables(), record_completion_cause: cause });
    channel.publish('RECORD_STOP', [
      ['Record-File-Path', path],
      ['Record-Completion-Cause', cause],
    ]);
    complete();
  }

  recording.onEnd = (why) => {
    stop(why === 'limit' ? 'success-maxtime' : 'uri-failure');
    if (why === 'failed') channel.hangup('DESTINATION_OUT_OF_ORDER');
  };
  channel.publish('RECORD_START', [['Record-File-Path', path]]);
  return {
    tick(heard) {
      recording.capture(heard, heard);
      if (watch?.step(heard) !== true) return;
      channel.variables.set('silence_hits_exhausted', 'true');
      stop('success-silence');
    },
    onDigit(digit) {
      if (!terminatorsOf(channel).includes(digit)) return;
      channel.variables.set('playback_terminator_used', digit);
      stop('success-terminator');
    },
    onBreak: () => stop('success-break'),
    onHangup: () => stop('success-hangup'),
  };
}
