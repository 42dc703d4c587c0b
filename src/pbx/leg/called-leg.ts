// The party that is called: attempts that ring, and the leg that one of them becomes (architecture, "Media toward a party").
import { WardlineError } from '../../kernel/errors.ts';
import { quote } from '../../protocol/sip/uri.ts';
import { Ending, within } from './ending.ts';
import type { AttemptFault } from './faults.ts';
import { faultOf } from './faults.ts';
import type { Leg, LegContext, LegEnding } from './leg.ts';
import { sayBye, tellNewKey, tie } from './leg.ts';
import type { Media } from './media.ts';
import type { SecureMedia } from './sdp-guard.ts';
import { audioFlaw, cleanSdp, firstCryptoKey } from './sdp-guard.ts';
import type { OfferedDialog, SipHeaderMap, SrfDialog, SrfRequest, SrfResponse } from './srf-types.ts';
import { isOfferedDialog } from './srf-types.ts';

/** How the caller is shown. */
export interface ShownCaller {
  readonly name: string;
  readonly number: string;
}

export interface CallTarget {
  readonly uri: string;
  readonly nextHop?: string;
  readonly secure: SecureMedia;
  readonly headers?: SipHeaderMap;
}

/** Answered, and still waiting for our side of the session. */
export interface Answered {
  complete(): Promise<CalledLeg>;
  /** Hangs up at once: another phone was quicker, or the caller left. */
  abandon(): Promise<void>;
}

export type AttemptOutcome = { readonly answered: Answered } | { readonly failed: AttemptFault };

export interface Attempt {
  /** Settles once and never rejects. */
  readonly outcome: Promise<AttemptOutcome>;
  readonly ringing: Ending<true>;
  /** The outcome is `cancelled` at once; an answer that crosses it is hung up. */
  cancel(): void;
}

const ACK_MS = 8_000;
/** No INVITE is waited for longer, whatever the dial plan says. */
const MAX_RING_MS = 10 * 60_000;

export class CalledLeg implements Leg {
  readonly ending: Ending<LegEnding>;
  readonly media: Media;
  readonly #dialog: SrfDialog;
  readonly #context: LegContext;

  constructor(dialog: SrfDialog, media: Media, secure: SecureMedia, context: LegContext) {
    this.ending = new Ending<LegEnding>();
    this.media = media;
    this.#dialog = dialog;
    this.#context = context;
    tie(this.ending, dialog, media, secure, context);
  }

  async hangUp(): Promise<void> {
    this.ending.end({ by: 'us' });
    await Promise.all([sayBye(this.#dialog, this.#context.clock), this.media.destroy()]);
  }
}

/** Rings one contact of a phone with an INVITE that has no offer: only the phone that answers costs an endpoint. */
export function ringPhone(target: CallTarget, caller: ShownCaller, context: LegContext): Attempt {
  return startAttempt(context, async (progress) => {
    const result = await context.sip.srf.createUAC(
      target.uri,
      { ...inviteOptions(target, caller), noAck: true },
      progress,
    );
    if (isOfferedDialog(result)) return answeredByPhone(result, target.secure, context);
    void sayBye(result, context.clock);
    return undefined;
  });
}

/** Calls a carrier with an offer of the media server's (third-party call control, RFC 3725). */
export function callCarrier(target: CallTarget, caller: ShownCaller, context: LegContext): Attempt {
  return startAttempt(context, async (progress, attempt) => {
    const media = await context.media.createMedia({ srtp: target.secure === 'required' });
    // A carrier that never answers would hold the endpoint until the INVITE's own end.
    attempt.onEnd(() => void media.destroy());
    try {
      if (attempt.hasEnded) throw new WardlineError('leg-ended', 'The caller left.');
      // A media server that cannot offer SRTP offers plain audio instead; such an offer must not leave for this carrier.
      if (audioFlaw(media.localSdp, target.secure) !== undefined) throw noAudio();
      const options = { ...inviteOptions(target, caller), localSdp: media.localSdp };
      const dialog = await context.sip.srf.createUAC(target.uri, options, progress);
      if (isOfferedDialog(dialog)) throw new WardlineError('internal', 'An answered INVITE had two offers.');
      return answeredByCarrier(dialog, media, target.secure, context);
    } catch (error) {
      await media.destroy();
      throw error;
    }
  });
}

function inviteOptions(target: CallTarget, caller: ShownCaller): { headers: SipHeaderMap; proxy?: string } {
  const number = /^[A-Za-z0-9+*#._-]{1,64}$/.test(caller.number) ? caller.number.replaceAll('#', '%23') : 'anonymous';
  const name = caller.name === '' ? '' : `${quote(caller.name)} `;
  const headers = { From: `${name}<sip:${number}@localhost>`, ...target.headers };
  return target.nextHop === undefined ? { headers } : { headers, proxy: target.nextHop };
}

type Inviting = (
  progress: {
    cbRequest(error: unknown, request: SrfRequest | undefined): void;
    cbProvisional(response: SrfResponse): void;
  },
  over: Ending<AttemptFault>,
) => Promise<Answered | undefined>;

function startAttempt({ clock }: LegContext, invite: Inviting): Attempt {
  const over = new Ending<AttemptFault>();
  const ringing = new Ending<true>();
  let sent: SrfRequest | undefined;
  const cancelSent = () => {
    try {
      sent?.cancel(() => {});
    } catch {
      // The edge is gone, and the INVITE with it.
    }
  };
  const progress = {
    cbRequest: (_error: unknown, request: SrfRequest | undefined) => {
      sent = request;
      if (over.hasEnded) cancelSent();
    },
    cbProvisional: (response: SrfResponse) => {
      if (response.status >= 180) ringing.end(true);
    },
  };
  let waiting: Answered | undefined;
  let isTaken = false;
  const take = <Value>(act: () => Promise<Value>) => {
    isTaken = true;
    return act();
  };
  const answering = invite(progress, over).then((answered) => {
    if (answered !== undefined && over.hasEnded) void answered.abandon();
    if (answered === undefined || over.hasEnded) return undefined;
    waiting = { complete: () => take(answered.complete), abandon: () => take(answered.abandon) };
    return waiting;
  });
  const outcome = within(answering, { clock, ms: MAX_RING_MS, what: 'ringing', ending: over }).then(
    (answered): AttemptOutcome => (answered === undefined ? { failed: { reason: 'no-audio' } } : { answered }),
    (error: unknown): AttemptOutcome => ({ failed: over.cause ?? faultOf(error) }),
  );
  return {
    outcome,
    ringing,
    cancel: () => {
      if (isTaken || !over.end({ reason: 'cancelled' })) return;
      if (waiting === undefined) cancelSent();
      else void waiting.abandon();
    },
  };
}

function answeredByPhone(offered: OfferedDialog, secure: SecureMedia, context: LegContext): Answered {
  const abandon = () => offered.destroy().catch(() => {});
  return {
    abandon,
    complete: async () => {
      let media: Media | undefined;
      try {
        const offer = cleanSdp(offered.sdp);
        if (offer === undefined || audioFlaw(offer, secure) !== undefined) throw noAudio();
        media = await context.media.createMedia({ offer });
        if (audioFlaw(media.localSdp, secure) !== undefined) throw noAudio();
        const dialog = await within(offered.ack(media.localSdp), {
          clock: context.clock,
          ms: ACK_MS,
          what: 'answering',
        });
        return new CalledLeg(dialog, media, secure, context);
      } catch (error) {
        await Promise.all([abandon(), media?.destroy()]);
        throw error;
      }
    },
  };
}

function answeredByCarrier(dialog: SrfDialog, media: Media, secure: SecureMedia, context: LegContext): Answered {
  const abandon = async () => {
    await Promise.all([sayBye(dialog, context.clock), media.destroy()]);
  };
  return {
    abandon,
    complete: async () => {
      try {
        const answer = cleanSdp(dialog.remote.sdp);
        if (answer === undefined || audioFlaw(answer, secure) !== undefined) throw noAudio();
        const ours = await media.modify(answer);
        if (audioFlaw(ours, secure) !== undefined) throw noAudio();
        if (firstCryptoKey(ours) !== firstCryptoKey(media.localSdp)) await tellNewKey(dialog, ours, context.clock);
        return new CalledLeg(dialog, media, secure, context);
      } catch (error) {
        await abandon();
        throw error;
      }
    },
  };
}

function noAudio(): WardlineError {
  return new WardlineError('no-common-audio', 'No audio that the policy allows could be agreed with the called party.');
}
