// A call that this server makes by SIP (RFC 3261 §13.2): INVITE with an offer, early media, ACK, CANCEL, and the channel that is its life.

import type { Settings } from '../../../protocol/event-socket/dial-string.ts';
import type { AudioNegotiation } from '../../../protocol/sdp/negotiation.ts';
import { cseqOf } from '../../../protocol/sip/fields.ts';
import type { SipRequest, SipResponse } from '../../../protocol/sip/message.ts';
import { SipHeaders } from '../../../protocol/sip/message.ts';
import type { SipUri } from '../../../protocol/sip/uri.ts';
import { formatUri } from '../../../protocol/sip/uri.ts';
import type { ClientTransaction, Flow, ServerTransaction, SipStack, SipTarget } from '../../runtime/sip-stack.ts';
import type { AudioLeg } from '../audio/leg.ts';
import { causeOfStatus } from '../channel/causes.ts';
import { Channel } from '../channel/channel.ts';
import { OutboundSocket, type OutboundSocketOptions } from '../event-socket/outbound-socket.ts';
import { newUuid } from '../host/host.ts';
import { PROFILE, USER_AGENT } from '../host/identity.ts';
import { controllerAt } from '../host/own-addresses.ts';
import { applyPolicy, negotiationOf, takeMedia } from './call-media.ts';
import { ALLOW, Dialog, type Header, reasonHeader, uacState } from './dialog.ts';
import { EstablishedCall } from './established-call.ts';

const FIRST_CSEQ = 1;
/** `sip_h_…` settings that become headers. */
const MAX_HEADERS = 64;

export interface OutboundOptions extends OutboundSocketOptions {
  readonly stack: SipStack;
  readonly leg: AudioLeg;
  readonly uri: SipUri;
  readonly target: SipTarget;
  readonly uuid: string;
  readonly settings: Settings;
  /** It has a dialog now. */
  readonly onDialog: (call: OutboundCall) => void;
  readonly onRinging: () => void;
  /** It is heard already. */
  readonly onEarlyMedia: () => void;
  readonly onAnswered: () => void;
  readonly onEnd: (call: OutboundCall) => void;
}

export class OutboundCall {
  readonly channel: Channel;
  readonly #options: OutboundOptions;
  readonly #negotiation: AudioNegotiation;
  readonly #outboundSocket: OutboundSocket;
  #established: EstablishedCall | undefined;
  #invite: ClientTransaction | undefined;

  constructor(options: OutboundOptions) {
    const { host, hub, leg, uri, uuid, target } = options;
    this.#options = options;
    this.#outboundSocket = new OutboundSocket(options);
    this.#negotiation = negotiationOf(host, leg);
    this.channel = new Channel({
      host,
      hub,
      leg,
      uuid,
      direction: 'outbound',
      applications: options.dialer.applications,
      callerAddress: target.host,
      destination: uri.user ?? '',
      name: `sofia/${PROFILE}/${uri.user === undefined ? '' : `${uri.user}@`}${uri.host}`,
      codec: 'PCMU',
      sendBye: (cause) => this.#leave(cause),
      connect: (given) => this.#connect(given),
      onEnd: () => this.#ended(),
    });
  }

  get dialog(): Dialog | undefined {
    return this.#established?.dialog;
  }

  async start(): Promise<void> {
    const { stack, target } = this.#options;
    const invite = this.#inviteOf();
    this.channel.publish('CHANNEL_CREATE');
    this.channel.publish('CHANNEL_OUTGOING');
    this.#invite = await stack.request(invite, target, {
      onResponse: (response, { flow }) => this.channel.guard(() => this.#receive(invite, response, flow)),
      onFailure: (ending) =>
        this.channel.hangup(ending === 'timeout' ? 'RECOVERY_ON_TIMER_EXPIRE' : 'NETWORK_OUT_OF_ORDER', true),
    });
    if (this.channel.isHungUp && this.#established === undefined) this.#invite.cancel();
  }

  reinvite(transaction: ServerTransaction): void {
    this.#established?.reinvite(transaction);
  }

  acknowledged(ack: SipRequest): void {
    this.#established?.acknowledged(ack);
  }

  byeReceived(transaction: ServerTransaction): void {
    this.#established?.byeReceived(transaction);
  }

  /** The 2xx came again: our ACK was lost. */
  answeredAgain(): void {
    this.dialog?.acknowledge(FIRST_CSEQ);
  }

  #receive(invite: SipRequest, response: SipResponse, flow: Flow): void {
    const { status } = response;
    if (status >= 300) this.channel.hangup(causeOfStatus(status), true);
    else if (status >= 200) this.#answered(invite, response, flow);
    else if (!this.channel.isHungUp && this.#established === undefined) this.#progressed(response);
  }

  /** A description that we cannot use says nothing yet: the answer decides. */
  #progressed({ status, body }: SipResponse): void {
    const { channel } = this;
    if (status === 180) channel.progress.goOn('RINGING');
    const early = body.length === 0 ? undefined : this.#negotiation.acceptAnswer(textOf(body), true);
    const audio = early !== undefined && 'audio' in early ? early.audio : undefined;
    if (audio?.remote !== undefined || audio?.dtls !== undefined) {
      takeMedia({ host: this.#options.host, channel, negotiation: this.#negotiation }, audio);
      channel.progress.goOn('EARLY');
      this.#options.onEarlyMedia();
    } else if (status === 180) this.#options.onRinging();
  }

  /** A second party that answers, and one that answers when it is too late, is thanked and let go (RFC 3261 §13.2.2.4). */
  #answered(invite: SipRequest, response: SipResponse, flow: Flow): void {
    const { host, stack } = this.#options;
    const dialog = new Dialog(
      { stack, clock: host.clock, supervise: host.supervise },
      uacState(invite, response, flow),
    );
    dialog.acknowledge(cseqOf(invite)?.number ?? FIRST_CSEQ);
    if (this.#established !== undefined || this.channel.isHungUp) {
      dialog.bye('NORMAL_CLEARING');
      return;
    }
    this.#established = new EstablishedCall({ host, channel: this.channel, negotiation: this.#negotiation, dialog });
    this.#options.onDialog(this);
    // The answer that came early stands, where none comes now.
    const { remoteSdp } = this.#negotiation;
    const answer = response.body.length === 0 && remoteSdp !== undefined ? remoteSdp : textOf(response.body);
    const answered = this.#negotiation.acceptAnswer(answer);
    if ('refused' in answered) {
      this.channel.hangup('INCOMPATIBLE_DESTINATION');
      return;
    }
    this.#established.agreed(answered);
    this.channel.variables.set('endpoint_disposition', 'ANSWER');
    this.channel.progress.answer();
    this.#options.onAnswered();
  }

  #leave(cause: string): void {
    if (this.#established === undefined) this.#invite?.cancel([reasonHeader(cause)]);
    else this.#established.dialog.bye(cause);
  }

  #connect(target: string): void {
    const controller = controllerAt(target);
    if (controller === undefined) this.channel.hangup('NO_ROUTE_DESTINATION');
    else this.#options.host.supervise(this.#outboundSocket.connect(this.channel, controller));
  }

  #ended(): void {
    this.dialog?.end();
    this.#outboundSocket.close();
    this.#options.onEnd(this);
  }

  #inviteOf(): SipRequest {
    const { uri, sipAddress, settings, host } = this.#options;
    const { variables } = this.channel;
    applyPolicy(this.#negotiation, variables);
    const isSecure = this.#negotiation.policy.secure === 'required';
    const sdp = this.#negotiation.makeOffer({
      isWebRtc: variables.isTrue('media_webrtc'),
      ...(isSecure ? { secure: true } : {}),
    });
    const token = (name: string, spare: string) => (settings.get(name) ?? '').replaceAll(/[^\w+*#.-]/g, '') || spare;
    const name = (settings.get('origination_caller_id_name') ?? '').replaceAll(/["\\\r\n]/g, '');
    const from = `sip:${token('origination_caller_id_number', '0000000000')}@${sipAddress.split(':')[0]}`;
    const tag = Buffer.from(host.random(8)).toString('hex');
    const headers = SipHeaders.of(
      ['Max-Forwards', '70'],
      ['From', `"${name}" <${from}>;tag=${tag}`],
      ['To', `<${formatUri(uri)}>`],
      ['Call-ID', newUuid(host.random)],
      ['CSeq', `${FIRST_CSEQ} INVITE`],
      ['Contact', `<sip:mod_sofia@${sipAddress};transport=udp>`],
      ['User-Agent', USER_AGENT],
      ['Allow', ALLOW],
      ...headersOf(settings),
      ['Content-Type', 'application/sdp'],
      ['Content-Disposition', 'session'],
    );
    variables.setAll({ sip_call_id: headers.get('call-id'), rtp_local_sdp_str: sdp });
    return { kind: 'request', method: 'INVITE', uri: formatUri(uri), headers, body: Buffer.from(sdp) };
  }
}

function textOf(body: Uint8Array): string {
  return Buffer.from(body).toString('utf8');
}

/** `sip_h_X-Name=value`: only names that carry nothing of SIP's own. */
function headersOf(settings: Settings): Header[] {
  const headers: Header[] = [];
  for (const [name, value] of settings) {
    const header = /^sip_h_((?:X|P)-[\w-]{1,64}|User-to-User)$/i.exec(name)?.[1];
    if (header !== undefined && headers.length < MAX_HEADERS) headers.push([header, value.replaceAll(/[\r\n]/g, ' ')]);
  }
  return headers;
}
