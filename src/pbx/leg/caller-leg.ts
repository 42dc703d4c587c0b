// The party that calls: its INVITE, answered when call control decides to (architecture, "Media toward a party").
import { WardlineError } from '../../kernel/errors.ts';
import { Ending, within } from './ending.ts';
import type { Refusal } from './faults.ts';
import { statusOf } from './faults.ts';
import type { Leg, LegContext, LegEnding } from './leg.ts';
import { sayBye, tellNewKey, tie } from './leg.ts';
import type { Media } from './media.ts';
import type { SecureMedia } from './sdp-guard.ts';
import { audioFlaw, cleanSdp, firstCryptoKey } from './sdp-guard.ts';
import type { SipArrival } from './sip-arrival.ts';
import type { SrfDialog, SrfRequest } from './srf-types.ts';

const ANSWER_MS = 8_000;

export class CallerLeg implements Leg {
  readonly ending = new Ending<LegEnding>();
  readonly #arrival: SipArrival;
  readonly #secure: SecureMedia;
  readonly #context: LegContext;
  #media: Media | undefined;
  #dialog: SrfDialog | undefined;
  #answering: Promise<Media> | undefined;
  #isRinging = false;

  constructor(arrival: SipArrival, secure: SecureMedia, context: LegContext) {
    this.#arrival = arrival;
    this.#secure = secure;
    this.#context = context;
    arrival.raw.request.on('cancel', () => {
      this.ending.end({ by: 'cancelled' });
      void this.#media?.destroy();
    });
  }

  get media(): Media | undefined {
    return this.#dialog === undefined ? undefined : this.#media;
  }

  get isAnswered(): boolean {
    return this.#dialog !== undefined;
  }

  /** Lets the caller hear ringing, once. */
  ring(): void {
    if (this.#isRinging || this.#answering !== undefined || this.ending.hasEnded) return;
    this.#isRinging = true;
    this.#arrival.reply(180);
  }

  /** Opens audio from the caller's offer and answers; the same media when called again. */
  answer(): Promise<Media> {
    this.#answering ??= this.#answer();
    return this.#answering;
  }

  /** Refuses the call, or hangs up when it was answered. */
  refuse(refusal: Refusal): void {
    if (this.#dialog !== undefined) {
      void this.hangUp();
      return;
    }
    if (this.ending.end({ by: 'us' })) this.#arrival.reply(statusOf(refusal));
    void this.#media?.destroy();
  }

  async hangUp(): Promise<void> {
    if (this.#dialog === undefined) return this.refuse('unavailable');
    this.ending.end({ by: 'us' });
    await Promise.all([sayBye(this.#dialog, this.#context.clock), this.#media?.destroy()]);
  }

  async #answer(): Promise<Media> {
    if (!this.#arrival.raw.request.has('Contact')) {
      this.refuse('malformed');
      throw new WardlineError('bad-request', 'The caller gave no contact address.');
    }
    const { clock, media: link } = this.#context;
    const hasOffer = this.#arrival.body !== '';
    const srtp = this.#secure === 'required';
    const media = await link.createMedia(hasOffer ? { offer: this.#acceptableOffer() } : { srtp });
    this.#media = media;
    try {
      if (this.ending.hasEnded) throw new WardlineError('leg-ended', 'The caller left before the answer.');
      if (audioFlaw(media.localSdp, this.#secure) !== undefined) throw this.#unacceptable();
      const acked = Promise.withResolvers<string>();
      const dialog = await within(this.#confirm(media.localSdp, acked.resolve), {
        clock,
        ms: ANSWER_MS,
        what: 'answering',
        ending: this.ending,
      });
      if (!hasOffer) await this.#takeAnswer(dialog, media, acked.promise);
      this.#dialog = dialog;
      tie(this.ending, dialog, media, this.#secure, this.#context);
      return media;
    } catch (error) {
      await media.destroy();
      throw error;
    }
  }

  /** Answers with 200; the ACK may come in one piece with the news that it was sent, so it is listened for at once. */
  #confirm(localSdp: string, onAck: (body: string) => void): Promise<SrfDialog> {
    const { request, response } = this.#arrival.raw;
    return new Promise((resolve, reject) => {
      this.#context.sip.srf.createUAS(request, response, { localSdp }, (error, dialog) => {
        if (dialog === undefined) return reject(error);
        dialog.once('ack', (ack: SrfRequest) => onAck(ack.body ?? ''));
        resolve(dialog);
      });
    });
  }

  /** RFC 3261 §13.2.1: an INVITE without offer is answered with ours, and the answer comes in the ACK. */
  async #takeAnswer(dialog: SrfDialog, media: Media, acked: Promise<string>): Promise<void> {
    const { clock } = this.#context;
    try {
      const answer = cleanSdp(await within(acked, { clock, ms: ANSWER_MS, what: 'answering', ending: media.ending }));
      const isGood = answer !== undefined && audioFlaw(answer, this.#secure) === undefined;
      const ours = isGood ? await media.modify(answer) : undefined;
      if (ours === undefined || audioFlaw(ours, this.#secure) !== undefined) throw noCommonAudio();
      if (firstCryptoKey(ours) !== firstCryptoKey(media.localSdp)) await tellNewKey(dialog, ours, clock);
    } catch (error) {
      this.ending.end({ by: 'us' });
      await sayBye(dialog, clock);
      throw error;
    }
  }

  #acceptableOffer(): string {
    const offer = cleanSdp(this.#arrival.body);
    if (offer === undefined || audioFlaw(offer, this.#secure) !== undefined) throw this.#unacceptable();
    return offer;
  }

  #unacceptable(): WardlineError {
    this.refuse('not-acceptable');
    return noCommonAudio();
  }
}

function noCommonAudio(): WardlineError {
  return new WardlineError('no-common-audio', 'No audio that the policy allows could be agreed with the caller.');
}
