// Recording of a whole call: the artifact first, the notice to both sides, then both directions on one file (architecture, "How audio reaches the vault").
import { codeOf } from '../../kernel/errors.ts';
import type { ArtifactId } from '../../kernel/id.ts';
import type { Media, RecordingChange } from '../leg/media.ts';
import type { Call } from './call.ts';
import { RecordingMarks } from './recording-marks.ts';

export interface CallRecording {
  /** Masks, pauses, or undoes it; the record says so. */
  change(change: RecordingChange): Promise<void>;
  /** Whether it is masked, or paused. */
  isOn(change: RecordingChange): boolean;
  /** Ends the file; never rejects. */
  stop(): Promise<void>;
  /** Tells the vault that this is all of it; never rejects. */
  close(): Promise<void>;
}

/** Starts recording on the caller's leg and plays the notice to both; undefined, said and audited, when it cannot be. */
export async function startRecording(call: Call, caller: Media, callee: Media): Promise<CallRecording | undefined> {
  const opened = await openArtifact(call);
  if (opened === undefined) return undefined;
  const { clock, vault, logger } = call.services;
  try {
    const { notice: prompt, blanksDigits = false } = call.services.clinic().recording;
    let marks: RecordingMarks | undefined;
    const blanking = (fromMs: number, toMs: number) => marks?.blanked(fromMs, toMs);
    await caller.startRecordingCall(opened.path, blanksDigits ? blanking : undefined);
    marks = new RecordingMarks({ vault, clock, artifactId: opened.id });
    const notice = call.services.promptPath(prompt);
    await Promise.all([caller.play([notice]), callee.play([notice])]);
    marks.put('notice-played');
    // A call of which nobody could prove that it was announced is not kept.
    await marks.write();
    call.artifacts.push(opened.id);
    return running(call, caller, opened, marks);
  } catch (error) {
    // Without the notice nothing of the call may be kept.
    await caller.stopRecordingCall(opened.path).catch(() => {});
    await close(call, opened.id, false);
    if (caller.ending.hasEnded || callee.ending.hasEnded) throw error;
    logger.error({ code: codeOf(error), callId: call.id }, 'a call could not be recorded');
    await auditFailure(call);
    return undefined;
  }
}

function running(call: Call, caller: Media, opened: OpenArtifact, marks: RecordingMarks): CallRecording {
  const on = new Set<RecordingChange>();
  return {
    async change(change) {
      await caller.changeRecordingCall(opened.path, change);
      if (change === 'mask' || change === 'pause') on.add(change);
      else on.delete(change === 'unmask' ? 'mask' : 'pause');
      marks.changed(change);
    },
    isOn: (change) => on.has(change),
    stop: () => stop(caller, opened),
    async close() {
      await marks.finish().catch((error: unknown) => {
        call.services.logger.error({ code: codeOf(error), callId: call.id }, 'marks of a recording could not be kept');
      });
      await close(call, opened.id, true);
    },
  };
}

interface OpenArtifact {
  readonly id: ArtifactId;
  readonly path: string;
}

async function openArtifact(call: Call): Promise<OpenArtifact | undefined> {
  const { vault, clock, logger, spoolFolder } = call.services;
  const { from, fromName, to } = call.facts;
  try {
    const { artifactId } = await vault.ask('artifact.open', {
      header: {
        kind: 'recording',
        callId: call.id,
        startedAt: clock.now(),
        encoding: 'ulaw-8000',
        channels: 2,
        mailbox: '',
        from,
        fromName,
        to,
      },
    });
    return { id: artifactId, path: `${spoolFolder}/${artifactId}.ul` };
  } catch (error) {
    logger.error({ code: codeOf(error), callId: call.id }, 'a call could not be recorded');
    await auditFailure(call);
    return undefined;
  }
}

async function stop(caller: Media, { path }: OpenArtifact): Promise<void> {
  if (!caller.ending.hasEnded) await caller.stopRecordingCall(path).catch(() => {});
}

async function close(call: Call, artifactId: ArtifactId, keep: boolean): Promise<void> {
  const { vault, logger } = call.services;
  await vault.ask('artifact.close', { artifactId, keep }).catch((error: unknown) => {
    logger.error({ code: codeOf(error), callId: call.id }, 'a recording could not be closed');
  });
}

async function auditFailure(call: Call): Promise<void> {
  const entry = {
    action: 'recording-failed',
    actor: { kind: 'caller', callId: call.id },
    address: '',
    outcome: 'failed',
    subject: call.id,
  } as const;
  await call.services.vault.ask('audit.put', { entry }).catch(() => {});
}
