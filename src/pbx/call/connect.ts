// Two parties talking: answered, recorded when policy asks for it, bridged, and let go together.
import type { CallOutcome } from '../../model/cdr.ts';
import type { CalledLeg } from '../leg/called-leg.ts';
import type { Call } from './call.ts';
import type { CallRecording } from './recording.ts';
import { startRecording } from './recording.ts';
import { watchRecordingKeys } from './recording-keys.ts';

/** Connects the caller with who answered, until either leaves. */
export async function connect(call: Call, callee: CalledLeg): Promise<CallOutcome> {
  let recording: CallRecording | undefined;
  call.callees.push(callee.media);
  try {
    const caller = await call.answer();
    if (call.facts.isRecorded) recording = await startRecording(call, caller, callee.media);
    await caller.bridge(callee.media);
    using _keys = recording && watchRecordingKeys(call, callee.media, recording);
    return await firstToLeave(call, callee);
  } finally {
    // The file is ended while the caller's leg still stands, so that its last words are in it.
    await recording?.stop();
    const caller = call.caller.isAnswered ? call.caller.hangUp() : undefined;
    await Promise.all([callee.hangUp(), caller, recording?.close()]);
  }
}

function firstToLeave(call: Call, callee: CalledLeg): Promise<CallOutcome> {
  return new Promise((resolve) => {
    call.caller.ending.onEnd(() => resolve({ ended: 'answered', by: 'caller' }));
    callee.ending.onEnd(() => resolve({ ended: 'answered', by: 'callee' }));
  });
}
