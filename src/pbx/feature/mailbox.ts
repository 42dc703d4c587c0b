// One's own mailbox from a desk phone: counts, messages, again, next, delete; the registration is the login.
import { codeOf } from '../../kernel/errors.ts';
import type { CallOutcome } from '../../model/cdr.ts';
import type { Mailbox } from '../../model/clinic.ts';
import type { ArtifactSummary, Caller } from '../../vault/shapes.ts';
import type { Call } from '../call/call.ts';
import { sayNumber } from '../dialplan/say.ts';
import type { Media } from '../leg/media.ts';
import { Digits } from './digits.ts';
import { prompts } from './prompts.ts';

const CHOICE_MS = 6_000;
const MAX_TRIES = 3;
const PAGE_SIZE = 100;

interface Session {
  readonly call: Call;
  readonly media: Media;
  readonly digits: Digits;
  readonly mailbox: Mailbox;
  readonly caller: Caller;
}

/** Lets who calls from that phone hear the messages of its extension. */
export async function visitMailbox(
  call: Call,
  mailbox: Mailbox,
  from: { readonly username: string; readonly address: string },
): Promise<CallOutcome> {
  call.step('mailbox', mailbox.number);
  const media = await call.answer();
  using digits = new Digits(media, call.services.clock);
  const caller: Caller = { actor: { kind: 'phone', username: from.username }, address: from.address };
  const session = { call, media, digits, mailbox, caller };
  try {
    await announceCounts(session);
    await chooseFolder(session);
    await media.play(['menu/goodbye.wav']);
  } catch (error) {
    if (codeOf(error) !== 'records-locked') throw error;
    await media.play(['voicemail/unavailable-locked.wav', 'menu/goodbye.wav']);
  }
  return { ended: 'answered', by: 'callee' };
}

async function announceCounts({ call, digits, mailbox }: Session): Promise<void> {
  const { unread } = await call.services.vault.ask('mailbox.counts', { mailbox: mailbox.number });
  if (unread === 0) return digits.playUnlessPressed(['voicemail/no-new-messages.wav']);
  const noun = unread === 1 ? 'voicemail/new-message.wav' : 'voicemail/new-messages.wav';
  return digits.playUnlessPressed(['voicemail/you-have.wav', ...prompts(sayNumber(unread)), noun]);
}

async function chooseFolder(session: Session): Promise<void> {
  const { digits, media } = session;
  for (let tries = 0; tries < MAX_TRIES; tries++) {
    await digits.playUnlessPressed(['voicemail/main-options.wav']);
    const digit = await digits.next(CHOICE_MS);
    if (media.ending.hasEnded || digit === '*') return;
    if (digit === '1' || digit === '2') {
      const hasFinished = await hearFolder(session, digit === '2');
      if (hasFinished) return;
      tries = -1;
    } else if (digit !== undefined) {
      await media.play(['menu/invalid-key.wav']);
    }
  }
}

/** True when the person is done with everything. */
async function hearFolder(session: Session, isRead: boolean): Promise<boolean> {
  const messages = (await listMessages(session)).filter((message) => message.isRead === isRead);
  if (messages.length === 0) {
    await session.digits.playUnlessPressed([`voicemail/${isRead ? 'no-messages' : 'no-new-messages'}.wav`]);
    return false;
  }
  for (const [index, message] of messages.entries()) {
    const name = index === 0 ? 'first-message' : index === messages.length - 1 ? 'last-message' : 'next-message';
    await session.digits.playUnlessPressed([`voicemail/${name}.wav`]);
    const next = await hearMessage(session, message);
    if (next === 'finish') return true;
  }
  await session.digits.playUnlessPressed(['voicemail/no-more-messages.wav']);
  return false;
}

async function listMessages({ call, caller, mailbox }: Session): Promise<ArtifactSummary[]> {
  const { rows } = await call.services.vault.ask('artifacts.page', {
    caller,
    kind: 'voicemail',
    mailbox: mailbox.number,
    page: { limit: PAGE_SIZE },
  });
  return rows.filter(({ state }) => state !== 'open' && state !== 'failed').sort((a, b) => a.startedAt - b.startedAt);
}

async function hearMessage(session: Session, message: ArtifactSummary): Promise<'next' | 'finish'> {
  const { call, media, digits, caller } = session;
  const { vault } = call.services;
  await playMessage(session, message);
  if (!message.isRead) await vault.ask('artifact.markRead', { caller, artifactId: message.id });
  for (let tries = 0; tries < MAX_TRIES; tries++) {
    await digits.playUnlessPressed(['voicemail/after-message-options.wav']);
    const digit = await digits.next(CHOICE_MS);
    if (media.ending.hasEnded || digit === '*') return 'finish';
    if (digit === '2' || digit === '#') return 'next';
    if (digit === '1') {
      await playMessage(session, message);
      tries = -1;
    } else if (digit === '3') {
      await vault.ask('artifact.dispose', { caller, artifactId: message.id });
      await digits.playUnlessPressed(['voicemail/message-deleted.wav']);
      return 'next';
    }
  }
  return 'finish';
}

/** The vault lays the message out on RAM for as long as it plays. */
async function playMessage({ call, digits, caller }: Session, { id }: ArtifactSummary): Promise<void> {
  const { vault } = call.services;
  const { path } = await vault.ask('playout.open', { caller, artifactId: id });
  try {
    await digits.playUnlessPressed([path]);
  } finally {
    await vault.ask('playout.done', { path }).catch(() => {});
  }
}
