// One INVITE's life: audio leg, offer and answer, dialog, channel, and the event socket toward whoever controls it.
import type { AudioNegotiation, Negotiated } from '../../protocol/sdp/negotiation.ts';
import type { SipRequest } from '../../protocol/sip/message.ts';
import { parseUri } from '../../protocol/sip/uri.ts';
import type { HostPort, ServerTransaction, SipStack } from '../runtime/sip-stack.ts';
import { connectTcp } from '../runtime/tcp-server.ts';
import type { ApiContext } from './api-command.ts';
import type { AudioLeg } from './audio/leg.ts';
import { applyPolicy, headerVariables, legAudio, negotiationOf, offerOptions } from './call-media.ts';
import { Channel } from './channel.ts';
import { DIALPLAN_SETS, inviteVariables, mediaVariables } from './channel-variables.ts';
import { UasDialog } from './dialog.ts';
import type { EventHub } from './event-hub.ts';
import { EventSocket } from './event-socket.ts';
import type { MediaHost } from './host.ts';
import { PROFILE } from './status-text.ts';

/** How long a controller may take to be reached. */
const CONNECT_TIMEOUT_MS = 2_000;

export interface CallOptions extends ApiContext {
  readonly host: MediaHost;
  readonly hub: EventHub;
  readonly stack: SipStack;
  readonly leg: AudioLeg;
  readonly invite: ServerTransaction;
  /** Where the controller listens (`X-esl-outbound`). */
  readonly controller: HostPort;
  readonly onEnd: (call: Call) => void;
}

export class Call {
  readonly dialog: UasDialog;
  readonly channel: Channel;
  readonly #options: CallOptions;
  readonly #negotiation: AudioNegotiation;
  #socket: EventSocket | undefined;
  /** The ACK to come carries the answer to our offer. */
  #awaitsAnswer = false;
  /** A 2xx of ours waits for its ACK. */
  #awaitsAck = false;
  #isAnswered = false;

  constructor(options: CallOptions) {
    const { host, hub, stack, leg, invite, sipAddress } = options;
    this.#options = options;
    const localTag = Buffer.from(host.random(8)).toString('hex');
    this.dialog = new UasDialog({
      stack,
      clock: host.clock,
      supervise: host.supervise,
      invite,
      localTag,
      localAddress: sipAddress,
    });
    this.#negotiation = negotiationOf(host, leg);
    const { remote } = invite.arrival.flow;
    const name = `sofia/${PROFILE}/nobody@${remote.host}:${remote.port}`;
    this.channel = new Channel({
      host,
      hub,
      leg,
      applications: options.conferences.applications,
      callerAddress: remote.host,
      destination: parseUri(invite.request.uri)?.user ?? '',
      name,
      codec: 'PCMU',
      onHangup: () => {
        if (host.quirks.losesEventsAtHangup === true) this.#socket?.abandon();
      },
      sendBye: (cause) => this.dialog.bye(cause),
      onEnd: () => this.#ended(),
    });
    const { uuid, variables } = this.channel;
    variables.setAll({ direction: 'inbound', uuid, session_id: options.registry.total + 1, channel_name: name });
    variables.setAll(inviteVariables(invite.request, invite.arrival, sipAddress, host.clock.now()));
    variables.setAll({ call_uuid: uuid, ...headerVariables(invite.request) });
  }

  /** Answers the first INVITE. False: it was refused and there is no call. */
  answer(): boolean {
    const { invite } = this.#options;
    if (!this.#answerInvite(invite)) {
      this.dialog.respond(invite, 488, 'Not Acceptable Here');
      this.dialog.end();
      return false;
    }
    this.channel.publish('CHANNEL_CREATE');
    this.channel.answer();
    this.channel.publish('CHANNEL_ANSWER');
    return true;
  }

  /** A further INVITE in the dialog: hold, another address, new keys. */
  reinvite(transaction: ServerTransaction): void {
    if (this.#awaitsAck) this.dialog.respond(transaction, 491, 'Request Pending');
    else if (!this.#answerInvite(transaction)) {
      this.dialog.respond(transaction, 488, 'Not Acceptable Here');
    }
  }

  acknowledged(ack: SipRequest): void {
    if (!this.dialog.takeAck(ack) || !this.#awaitsAck) return;
    this.#awaitsAck = false;
    if (this.#awaitsAnswer) {
      this.#awaitsAnswer = false;
      const answered = this.#negotiation.acceptAnswer(Buffer.from(ack.body).toString('utf8'));
      if ('refused' in answered) {
        this.channel.hangup('INCOMPATIBLE_DESTINATION');
        return;
      }
      this.#agreed(answered);
    }
    if (this.#isAnswered || this.channel.isHungUp) return;
    this.#isAnswered = true;
    this.#options.host.supervise(this.#connectOut());
  }

  /** The party's BYE. */
  byeReceived(transaction: ServerTransaction): void {
    this.dialog.respond(transaction, 200, 'OK');
    this.dialog.end();
    this.channel.hangup('NORMAL_CLEARING', true);
  }

  #answerInvite(transaction: ServerTransaction): boolean {
    const offer = Buffer.from(transaction.request.body).toString('utf8');
    const { variables } = this.channel;
    applyPolicy(this.#negotiation, variables);
    if (offer.trim() === '') {
      const sdp = this.#negotiation.makeOffer(offerOptions(this.#negotiation, variables, transaction.request));
      this.#awaitsAnswer = true;
      this.#send200(transaction, sdp);
      this.#setMediaVariables();
      return true;
    }
    const answered = this.#negotiation.answerOffer(offer);
    if ('refused' in answered) return false;
    this.#agreed(answered);
    this.#send200(transaction, answered.sdp);
    return true;
  }

  #send200(transaction: ServerTransaction, sdp: string): void {
    this.#awaitsAck = true;
    const body = this.#shown(sdp);
    const send = () => this.dialog.answer(transaction, body, () => this.channel.hangup('RECOVERY_ON_TIMER_EXPIRE'));
    const { clock, quirks, supervise } = this.#options.host;
    if (quirks.answerDelayMs === undefined || this.#isAnswered) send();
    else {
      this.#isAnswered = true;
      clock.after(quirks.answerDelayMs, send);
      // The dialplan goes on when the channel has been answered.
      clock.after(0, () => supervise(this.#connectOut()));
    }
  }

  #agreed({ audio }: Exclude<Negotiated, { refused: unknown }>): void {
    this.channel.leg.configure(legAudio(audio, this.channel.variables));
    this.channel.codec = audio.codec;
    this.#setMediaVariables();
    const isHeld = audio.direction === 'inactive' || audio.direction === 'sendonly';
    if (isHeld && this.channel.callState === 'ACTIVE') this.channel.setCallState('HELD');
    else if (!isHeld && this.channel.callState === 'HELD') {
      this.channel.setCallState('UNHELD');
      this.channel.setCallState('ACTIVE');
    }
  }

  #shown(sdp: string): string {
    return this.#options.host.quirks.answersWithPortZero === true ? sdp.replace(/m=audio \d+/, 'm=audio 0') : sdp;
  }

  #setMediaVariables(): void {
    const { localSdp, remoteSdp, audio } = this.#negotiation;
    const shown = localSdp === undefined ? undefined : this.#shown(localSdp);
    this.channel.variables.setAll(mediaVariables(this.channel.leg.local, shown, remoteSdp, audio));
  }

  /** The dialplan's end: `socket <controller> async full`. */
  async #connectOut(): Promise<void> {
    const { controller, host } = this.#options;
    const { channel } = this;
    channel.variables.setAll({ ...DIALPLAN_SETS, socket_host: controller.host });
    channel.waitForCommands(`${controller.host}:${controller.port}`);
    const { connectDelayMs = 0 } = host.quirks;
    if (connectDelayMs > 0) await new Promise<void>((resolve) => host.clock.after(connectDelayMs, resolve));
    try {
      const connection = await connectTcp(controller, CONNECT_TIMEOUT_MS);
      if (channel.isHungUp) {
        connection.destroy();
        return;
      }
      const onClose = () => channel.losesController();
      this.#socket = new EventSocket({ ...this.#options, connection, channel, onClose });
    } catch {
      host.logger.warn({ channel: channel.uuid }, 'the controller of a call could not be reached');
      channel.hangup('NORMAL_CLEARING');
    }
  }

  #ended(): void {
    this.dialog.end();
    this.#socket?.close();
    this.#options.onEnd(this);
  }
}
