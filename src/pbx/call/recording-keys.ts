// Codes that one of our phones presses in a recorded call: the recording is masked or paused, and once more goes on (clinic, "recording").
import { codeOf } from '../../kernel/errors.ts';
import { isLegEnded } from '../leg/ending.ts';
import type { Media, RecordingChange } from '../leg/media.ts';
import type { Call } from './call.ts';
import type { CallRecording } from './recording.ts';

/** Digits further apart are no code. */
const GAP_MS = 4_000;
const MAX_DIGITS = 8;
/** Heard by who pressed it: high when the recording stops hearing, low when it hears again. */
const STOPPED_TONE = 'tone_stream://%(150,0,880)';
const GOES_ON_TONE = 'tone_stream://%(150,0,440)';

/** Listens to those of our phones that are in the call until disposed. */
export function watchRecordingKeys(call: Call, callee: Media, recording: CallRecording): Disposable {
  const { maskCode, pauseCode } = call.services.clinic().recording;
  const codes = new Map<string, readonly [on: RecordingChange, off: RecordingChange]>();
  if (maskCode !== undefined) codes.set(maskCode, ['mask', 'unmask']);
  if (pauseCode !== undefined) codes.set(pauseCode, ['pause', 'resume']);
  const watches = codes.size === 0 ? [] : ours(call, callee).map((media) => watch(call, media, codes, recording));
  return {
    [Symbol.dispose]() {
      for (const each of watches) each[Symbol.dispose]();
    },
  };
}

/** A carrier's party has no say in it. */
function ours(call: Call, callee: Media): Media[] {
  const { direction } = call.facts;
  const caller = call.caller.media;
  return [
    ...(direction === 'inbound' || caller === undefined ? [] : [caller]),
    ...(direction === 'inbound' || direction === 'internal' ? [callee] : []),
  ];
}

function watch(
  call: Call,
  media: Media,
  codes: ReadonlyMap<string, readonly [RecordingChange, RecordingChange]>,
  recording: CallRecording,
): Disposable {
  const { clock, logger } = call.services;
  let pressed = '';
  let lastAt = 0;
  return media.onDigit((digit) => {
    const now = clock.monotonic();
    pressed = (now - lastAt > GAP_MS ? '' : pressed).concat(digit).slice(-MAX_DIGITS);
    lastAt = now;
    const [code, changes] = [...codes].find(([each]) => pressed.endsWith(each)) ?? [];
    if (code === undefined || changes === undefined) return;
    pressed = '';
    change(media, changes, recording).catch((error: unknown) => {
      if (!isLegEnded(error))
        logger.error({ code: codeOf(error), callId: call.id }, 'a recording could not be changed');
    });
  });
}

async function change(
  media: Media,
  [on, off]: readonly [RecordingChange, RecordingChange],
  recording: CallRecording,
): Promise<void> {
  const isOn = recording.isOn(on);
  await recording.change(isOn ? off : on);
  await media.hint(isOn ? GOES_ON_TONE : STOPPED_TONE);
}
