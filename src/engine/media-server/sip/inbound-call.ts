// One INVITE's life: audio leg, offer and answer, dialog, channel, and the event socket toward whoever controls it.
import type { HostPort } from '../../../kernel/ip.ts';
import type { SipRequest } from '../../../protocol/sip/message.ts';
import { parseUri } from '../../../protocol/sip/uri.ts';
import type { ServerTransaction, SipStack } from '../../runtime/sip-stack.ts';
import type { AudioLeg } from '../audio/leg.ts';
import { Channel } from '../channel/channel.ts';
import { OutboundSocket, type OutboundSocketOptions } from '../event-socket/outbound-socket.ts';
import { PROFILE } from '../host/identity.ts';
import { controllerAt } from '../host/own-addresses.ts';
import { headerVariables, negotiationOf } from './call-media.ts';
import { DIALPLAN_SETS, inviteVariables } from './call-variables.ts';
import { Dialog, uasState } from './dialog.ts';
import { EstablishedCall } from './established-call.ts';

export interface InboundCallOptions extends OutboundSocketOptions {
  readonly stack: SipStack;
  readonly leg: AudioLeg;
  readonly invite: ServerTransaction;
  /** Where the controller listens (`X-esl-outbound`). */
  readonly controller: HostPort;
  readonly onEnd: (call: InboundCall) => void;
}

export class InboundCall {
  readonly dialog: Dialog;
  readonly channel: Channel;
  readonly #options: InboundCallOptions;
  readonly #established: EstablishedCall;
  readonly #outboundSocket: OutboundSocket;
  #isAnswered = false;

  constructor(options: InboundCallOptions) {
    const { host, hub, stack, leg, invite, sipAddress, channels } = options;
    this.#options = options;
    this.#outboundSocket = new OutboundSocket(options);
    const localTag = Buffer.from(host.random(8)).toString('hex');
    const { clock, supervise } = host;
    this.dialog = new Dialog({ stack, clock, supervise }, uasState(invite, localTag, sipAddress));
    const { remote } = invite.arrival.flow;
    const name = `sofia/${PROFILE}/nobody@${remote.host}:${remote.port}`;
    this.channel = new Channel({
      host,
      hub,
      leg,
      applications: options.dialer.applications,
      callerAddress: remote.host,
      destination: parseUri(invite.request.uri)?.user ?? '',
      name,
      codec: 'PCMU',
      onHangup: () => {
        if (host.quirks.losesEventsAtHangup === true) this.#outboundSocket.abandon();
      },
      sendBye: (cause) => this.dialog.bye(cause),
      connect: (target) => this.#connect(controllerAt(target)),
      onEnd: () => this.#ended(),
    });
    const negotiation = negotiationOf(host, leg);
    this.#established = new EstablishedCall({ host, channel: this.channel, negotiation, dialog: this.dialog });
    const { uuid, variables } = this.channel;
    variables.setAll({ direction: 'inbound', uuid, session_id: channels.total + 1, channel_name: name });
    variables.setAll(inviteVariables(invite.request, invite.arrival, sipAddress, host.clock.now()));
    variables.setAll({ call_uuid: uuid, ...headerVariables(invite.request) });
  }

  /** Answers the first INVITE. False: it was refused and there is no call. */
  answer(): boolean {
    const { invite } = this.#options;
    if (!this.#established.answerInvite(invite, (send) => this.#deliver(send))) {
      this.dialog.respond(invite, 488, 'Not Acceptable Here');
      this.dialog.end();
      return false;
    }
    const { channel } = this;
    channel.progress.arrive();
    channel.applications.tell('answer', '', () => {
      channel.progress.goOn('EARLY');
      channel.progress.answer();
    });
    return true;
  }

  reinvite(transaction: ServerTransaction): void {
    this.#established.reinvite(transaction);
  }

  acknowledged(ack: SipRequest): void {
    if (this.#established.acknowledged(ack) && !this.#isAnswered && !this.channel.isHungUp) this.#runDialplan();
  }

  byeReceived(transaction: ServerTransaction): void {
    this.#established.byeReceived(transaction);
  }

  /** At once, unless the tests want the controller to be connected to first. */
  #deliver(send: () => void): void {
    const { clock, quirks } = this.#options.host;
    if (quirks.answerDelayMs === undefined) {
      send();
      return;
    }
    this.#isAnswered = true;
    clock.after(quirks.answerDelayMs, send);
    // The dialplan goes on when the channel has been answered.
    clock.after(0, () => this.#runDialplan());
  }

  /** What the mrf image's dialplan does with every call: it ends in `socket <controller> async full`. */
  #runDialplan(): void {
    this.#isAnswered = true;
    const { variables, applications } = this.channel;
    variables.set('endpoint_disposition', 'ANSWER');
    for (const [name, value] of DIALPLAN_SETS) {
      applications.tell('set', `${name}=${value}`, () => variables.set(name, value));
    }
    this.#connect(this.#options.controller);
  }

  #connect(controller: HostPort | undefined): void {
    if (controller === undefined) this.channel.hangup('NO_ROUTE_DESTINATION');
    else this.#options.host.supervise(this.#outboundSocket.connect(this.channel, controller));
  }

  #ended(): void {
    this.dialog.end();
    this.#outboundSocket.close();
    this.#options.onEnd(this);
  }
}
