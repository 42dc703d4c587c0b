// A leg: our side of one party, a SIP dialog and its media, tied together so that neither outlives the other (contract §9.1, rule 3).
import type { Clock } from '../../kernel/clock.ts';
import { WardlineError } from '../../kernel/errors.ts';
import type { Logger } from '../../kernel/logger.ts';
import type { Ending } from './ending.ts';
import { within } from './ending.ts';
import { watchParty } from './leg-watch.ts';
import type { Media } from './media.ts';
import type { MediaLink } from './media-link.ts';
import type { SecureMedia } from './sdp-guard.ts';
import { audioFlaw } from './sdp-guard.ts';
import type { SipLink } from './sip-link.ts';
import type { SrfDialog, SrfRequest, SrfResponse } from './srf-types.ts';

/** `cancelled`: the caller gave up before an answer. `engine`: media server or edge failed. */
export type LegEnding = { readonly by: 'remote' | 'us' | 'cancelled' | 'engine' };

export interface Leg {
  readonly ending: Ending<LegEnding>;
  /** Present once answered. */
  readonly media: Media | undefined;
  /** Says BYE, CANCEL or a refusal, as the state asks; never rejects. */
  hangUp(): Promise<void>;
}

/** What legs are made with. */
export interface LegContext {
  readonly sip: SipLink;
  readonly media: MediaLink;
  readonly clock: Clock;
  readonly logger: Logger;
}

const BYE_MS = 5_000;
const REKEY_MS = 8_000;

/** Ties a confirmed dialog to its media: either's end ends the other and the leg. */
export function tie(
  ending: Ending<LegEnding>,
  dialog: SrfDialog,
  media: Media,
  secure: SecureMedia,
  context: LegContext,
): void {
  const { clock, logger } = context;
  const onBye = () => {
    ending.end({ by: 'remote' });
    void media.destroy();
  };
  // A BYE that came in one piece with what made the dialog, or while its session was agreed, was told to nobody.
  if (!dialog.connected) {
    onBye();
    return;
  }
  dialog.on('destroy', onBye);
  media.ending.onEnd(() => {
    if (ending.end({ by: 'engine' })) void sayBye(dialog, clock);
  });
  watchParty(dialog, media, context, () => {
    if (ending.end({ by: 'engine' })) void Promise.all([sayBye(dialog, clock), media.destroy()]);
  });
  dialog.on('modify', (request: SrfRequest, response: SrfResponse) => {
    void answerReinvite(dialog, media, secure, request, response).catch(() => {
      logger.warn('a change of session was refused');
    });
  });
  dialog.on('info', (request: SrfRequest, response: SrfResponse) => {
    response.send(200);
    const digit = infoDigit(request);
    if (digit !== undefined) media.pressDigit(digit);
  });
  // Transfer is not offered: a phone that asks for it keeps its call.
  dialog.on('refer', (_request: SrfRequest, response: SrfResponse) => response.send(603));
}

export async function sayBye(dialog: SrfDialog, clock: Clock): Promise<void> {
  if (!dialog.connected) return;
  await within(dialog.destroy(), { clock, ms: BYE_MS, what: 'hanging up' }).catch(() => {});
}

/** FreeSWITCH makes a new key when it is given the answer to its offer; the party learns it by a re-INVITE (contract §8.4). */
export async function tellNewKey(dialog: SrfDialog, ours: string, clock: Clock): Promise<void> {
  const request = dialog.request({ method: 'INVITE', headers: { Contact: dialog.local.contact }, body: ours });
  const response = await within(request, { clock, ms: REKEY_MS, what: 'changing keys' });
  if (response.status !== 200) throw new WardlineError('no-common-audio', 'The party refused a change of keys.');
}

/** Hold, resume and codec changes of a phone pass through to its own media (RFC 3261 §14.2). */
async function answerReinvite(
  dialog: SrfDialog,
  media: Media,
  secure: SecureMedia,
  request: SrfRequest,
  response: SrfResponse,
): Promise<void> {
  const headers = { Contact: dialog.local.contact, 'Content-Type': 'application/sdp' };
  if (request.body === undefined || request.body === '') {
    response.send(200, { headers, body: dialog.local.sdp });
    return;
  }
  try {
    const flaw = audioFlaw(request.body, secure);
    const answer = flaw === undefined ? await media.modify(request.body) : undefined;
    if (answer === undefined || audioFlaw(answer, secure) !== undefined) response.send(488);
    else response.send(200, { headers, body: answer });
  } catch (error) {
    response.send(media.ending.hasEnded ? 481 : 488);
    throw error;
  }
}

/** `application/dtmf-relay` and `application/dtmf` bodies, as phones without RFC 4733 send them. */
function infoDigit(request: SrfRequest): string | undefined {
  const type = request.get('Content-Type')?.toLowerCase() ?? '';
  const body = request.body ?? '';
  if (type.startsWith('application/dtmf-relay')) return /^Signal\s*=\s*([0-9*#])/im.exec(body)?.[1];
  return type.startsWith('application/dtmf') ? /^\s*([0-9*#])\s*$/.exec(body)?.[1] : undefined;
}
