// `record_session` and its company: both directions of the call, beside whatever else runs.
import { takeBraces } from '../../../protocol/event-socket/arguments.ts';
import type { Execution, StartApplication } from '../channel/application.ts';
import type { RecordingAct } from '../channel/channel-recordings.ts';

/** `<path> [+<seconds>] [{name=value,…}]`. A path that cannot be written is told by `record_completion_cause` alone. */
export function recordSession({ channel, argument }: Execution): undefined {
  const { rest, variables } = takeBraces(argument);
  const own = new Map(variables.map(({ name, value }) => [name, value]));
  const match = /^(\S+)(?:\s+\+?(\d+))?/.exec(rest);
  if (match?.[1] === undefined) return;
  const isStarted = channel.recordings.start(match[1], Number(match[2] ?? 0), own);
  if (!isStarted && channel.variables.isTrue('RECORD_HANGUP_ON_ERROR')) channel.hangup('DESTINATION_OUT_OF_ORDER');
}

export function stopRecordSession({ channel, argument }: Execution): undefined {
  channel.recordings.stop(argument.trim());
}

export function recordSessionAct(act: RecordingAct): StartApplication {
  return ({ channel, argument }) => {
    channel.recordings.act(argument.trim(), act);
    return undefined;
  };
}
