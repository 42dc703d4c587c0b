// Taking a message: greeting, tone, recording into an artifact that is opened first, and "saved" said only after the vault kept it.
import { codeOf } from '../../kernel/errors.ts';
import type { ArtifactId } from '../../kernel/id.ts';
import type { CallOutcome } from '../../model/cdr.ts';
import type { Mailbox } from '../../model/clinic.ts';
import type { Call } from '../call/call.ts';
import { sayDigits } from '../dialplan/say.ts';
import { isLegEnded } from '../leg/ending.ts';
import type { Media } from '../leg/media.ts';
import { prompts } from './prompts.ts';

const TONE = 'tone_stream://%(500,0,1000)';
/** Shorter than this is a caller who changed their mind. */
const MIN_MESSAGE_MS = 1_500;
const SILENCE_SECONDS = 6;

/** Takes one message for `mailbox`. The caller may leave at any moment; what was said until then is kept. */
export async function takeMessage(call: Call, mailbox: Mailbox): Promise<CallOutcome> {
  call.step('mailbox', mailbox.number);
  const media = await call.answer();
  await media.play(greetingOf(call, mailbox));
  const artifactId = await openMessage(call, mailbox);
  if (artifactId === undefined) {
    await media.play(['call/cannot-complete.wav']);
    return { ended: 'failed', fault: 'appliance' };
  }
  const isKept = await recordMessage(call, media, mailbox, artifactId);
  if (!media.ending.hasEnded) await say(media, isKept);
  return { ended: 'answered', by: call.caller.ending.hasEnded ? 'caller' : 'callee' };
}

function greetingOf(call: Call, mailbox: Mailbox): string[] {
  if (mailbox.greeting !== undefined) return [call.services.promptPath(mailbox.greeting)];
  return [
    'voicemail/greeting-intro.wav',
    'voicemail/extension.wav',
    ...prompts(sayDigits(mailbox.number)),
    'voicemail/record-after-tone.wav',
    'voicemail/press-pound-to-finish.wav',
  ];
}

async function say(media: Media, isKept: boolean): Promise<void> {
  const said = isKept ? 'voicemail/message-saved.wav' : 'voicemail/message-too-short.wav';
  await media.play([said, 'menu/goodbye.wav']).catch((error: unknown) => {
    if (!isLegEnded(error)) throw error;
  });
}

async function openMessage(call: Call, mailbox: Mailbox): Promise<ArtifactId | undefined> {
  const { vault, clock, logger } = call.services;
  const { from, fromName, to } = call.facts;
  try {
    const { artifactId } = await vault.ask('artifact.open', {
      header: {
        kind: 'voicemail',
        callId: call.id,
        startedAt: clock.now(),
        encoding: 'ulaw-8000',
        channels: 1,
        mailbox: mailbox.number,
        from,
        fromName,
        to,
      },
    });
    return artifactId;
  } catch (error) {
    logger.error({ code: codeOf(error), callId: call.id }, 'a message could not be taken');
    return undefined;
  }
}

/** True when the message was kept. */
async function recordMessage(call: Call, media: Media, mailbox: Mailbox, artifactId: ArtifactId): Promise<boolean> {
  const { clock, spoolFolder, vault } = call.services;
  let startedAt: number | undefined;
  try {
    await media.play([TONE]);
    startedAt = clock.monotonic();
    await media.record(`${spoolFolder}/${artifactId}.ul`, {
      maxSeconds: mailbox.maxSeconds,
      silenceSeconds: SILENCE_SECONDS,
    });
  } catch (error) {
    if (!isLegEnded(error)) call.services.logger.error({ code: codeOf(error), callId: call.id }, 'a recording failed');
  }
  const lengthMs = startedAt === undefined ? 0 : clock.monotonic() - startedAt;
  const keep = lengthMs >= MIN_MESSAGE_MS;
  await vault.ask('artifact.close', { artifactId, keep });
  if (keep) call.artifacts.push(artifactId);
  return keep;
}
