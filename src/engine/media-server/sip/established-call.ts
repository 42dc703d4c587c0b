// What calls in both directions do once they have a dialog: re-INVITEs, the offer and answer in them and in ACKs, the party's BYE.
import type { Negotiated } from '../../../protocol/sdp/negotiation.ts';
import type { SipRequest } from '../../../protocol/sip/message.ts';
import type { ServerTransaction } from '../../runtime/sip-stack.ts';
import { applyPolicy, type MediaParts, offerOptions, shownSdp, takeMedia, tellMedia } from './call-media.ts';
import type { Dialog } from './dialog.ts';

export interface EstablishedParts extends MediaParts {
  readonly dialog: Dialog;
}

export class EstablishedCall {
  readonly dialog: Dialog;
  readonly #parts: EstablishedParts;
  /** The ACK to come carries the answer to our offer. */
  #awaitsAnswer = false;
  /** A 2xx of ours waits for its ACK. */
  #awaitsAck = false;

  constructor(parts: EstablishedParts) {
    this.#parts = parts;
    this.dialog = parts.dialog;
  }

  /** A further INVITE in the dialog: hold, another address, new keys. */
  reinvite(transaction: ServerTransaction): void {
    if (this.#awaitsAck) this.dialog.respond(transaction, 491, 'Request Pending');
    else if (!this.answerInvite(transaction)) this.dialog.respond(transaction, 488, 'Not Acceptable Here');
  }

  /** False: the offer cannot be accepted, and nothing was answered. `deliver` may put the 200 off. */
  answerInvite(transaction: ServerTransaction, deliver: (send: () => void) => void = (send) => send()): boolean {
    const { channel, negotiation } = this.#parts;
    const offer = Buffer.from(transaction.request.body).toString('utf8');
    applyPolicy(negotiation, channel.variables);
    if (offer.trim() === '') {
      const sdp = negotiation.makeOffer(offerOptions(negotiation, channel.variables, transaction.request));
      this.#awaitsAnswer = true;
      this.#send200(transaction, sdp, deliver);
      tellMedia(this.#parts);
      return true;
    }
    const answered = negotiation.answerOffer(offer);
    if ('refused' in answered) return false;
    this.agreed(answered);
    this.#send200(transaction, answered.sdp, deliver);
    return true;
  }

  /** Whether `ack` ends the wait for it. An answer in it that cannot be accepted ends the call. */
  acknowledged(ack: SipRequest): boolean {
    if (!this.dialog.takeAck(ack) || !this.#awaitsAck) return false;
    this.#awaitsAck = false;
    if (!this.#awaitsAnswer) return true;
    this.#awaitsAnswer = false;
    const answered = this.#parts.negotiation.acceptAnswer(Buffer.from(ack.body).toString('utf8'));
    if ('refused' in answered) {
      this.#parts.channel.hangup('INCOMPATIBLE_DESTINATION');
      return false;
    }
    this.agreed(answered);
    return true;
  }

  /** The party's BYE. */
  byeReceived(transaction: ServerTransaction): void {
    this.dialog.respond(transaction, 200, 'OK');
    this.dialog.end();
    this.#parts.channel.hangup('NORMAL_CLEARING', true);
  }

  agreed({ audio }: Exclude<Negotiated, { refused: unknown }>): void {
    const { channel } = this.#parts;
    takeMedia(this.#parts, audio);
    const isHeld = audio.direction === 'inactive' || audio.direction === 'sendonly';
    if (isHeld && channel.progress.callState === 'ACTIVE') channel.progress.setCallState('HELD');
    else if (!isHeld && channel.progress.callState === 'HELD') {
      channel.progress.setCallState('UNHELD');
      channel.progress.setCallState('ACTIVE');
    }
  }

  #send200(transaction: ServerTransaction, sdp: string, deliver: (send: () => void) => void): void {
    this.#awaitsAck = true;
    const body = shownSdp(this.#parts.host, sdp);
    const onTimeout = () => this.#parts.channel.hangup('RECOVERY_ON_TIMER_EXPIRE');
    deliver(() => this.dialog.answer(transaction, body, onTimeout));
  }
}
