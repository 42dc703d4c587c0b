// Makes calls: by SIP, over loopback, or none at all, in the order that a dial string asks for; `bridge` and `originate` stand on it.
import { codeOf } from '../../../kernel/errors.ts';
import {
  type DialString,
  type DialTarget,
  parseDialString,
  type Settings,
} from '../../../protocol/event-socket/dial-string.ts';
import { parseUri, type SipUri } from '../../../protocol/sip/uri.ts';
import type { SipStack, SipTarget } from '../../runtime/sip-stack.ts';
import type { AudioLeg } from '../audio/leg.ts';
import type { Legs } from '../audio/legs.ts';
import type { StartApplication } from '../channel/application.ts';
import { causeOf } from '../channel/causes.ts';
import { Channel } from '../channel/channel.ts';
import type { Dialed, Dialing, DialOptions } from '../channel/dialing.ts';
import { isTrue } from '../channel/variables.ts';
import { OutboundSocket, type OutboundSocketOptions } from '../event-socket/outbound-socket.ts';
import { newUuid } from '../host/host.ts';
import { PROFILE } from '../host/identity.ts';
import { controllerAt, isLoopback } from '../host/own-addresses.ts';
import { OutboundCall } from '../sip/outbound-call.ts';
import { bridgeApplication } from './bridge-application.ts';
import { loopbackPair, loopbackSteps } from './loopback.ts';

const DEFAULT_SECONDS = 60;
const MAX_SECONDS = 3_600;
const SIP_PORT = 5_060;

export interface DialerParts extends Omit<OutboundSocketOptions, 'dialer'> {
  readonly legs: Legs;
  readonly stack: SipStack;
  readonly onDialog: (call: OutboundCall) => void;
  readonly onOver: (call: OutboundCall) => void;
}

const NO_SETTINGS: Settings = new Map();

/** Whether the caller goes on when it rings, or when early audio comes, before the answer. */
interface GoesOn {
  readonly ringing: boolean;
  readonly early: boolean;
}

/** One call that is being made. */
interface Attempt {
  readonly result: Promise<Dialed>;
  giveUp(cause: string): void;
}

export class Dialer implements Dialing {
  readonly applications: ReadonlyMap<string, StartApplication>;
  readonly #parts: DialerParts;

  constructor(parts: DialerParts) {
    this.#parts = parts;
    this.applications = new Map([...parts.conferences.applications, ['bridge', bridgeApplication(this)]]);
  }

  async dial(text: string, options: DialOptions = {}): Promise<Dialed> {
    const groups: DialString = parseDialString(text);
    let last: Dialed = { cause: 'DESTINATION_OUT_OF_ORDER' };
    for (const group of groups) {
      if (options.signal?.aborted === true) return { cause: 'ORIGINATOR_CANCEL' };
      last = await this.#dialGroup(group, options);
      if ('channel' in last) break;
    }
    return last;
  }

  /** Who answers first, or is heard first, has the call. */
  async #dialGroup(group: readonly DialTarget[], options: DialOptions): Promise<Dialed> {
    const { signal, seconds = DEFAULT_SECONDS, settings: shared = NO_SETTINGS } = options;
    const attempts = group.map(({ url, settings }) => {
      const own = new Map([...shared, ...settings]);
      return this.#begin({ url, settings }, seconds, goesOnAt(own, group.length));
    });
    const giveUp = () => {
      for (const attempt of attempts) attempt.giveUp('ORIGINATOR_CANCEL');
    };
    signal?.addEventListener('abort', giveUp, { once: true });
    const { promise, resolve } = Promise.withResolvers<Dialed>();
    let left = attempts.length;
    let winner: Attempt | undefined;
    for (const attempt of attempts) {
      void attempt.result.then((dialed) => {
        left--;
        if (winner !== undefined) return;
        if ('channel' in dialed) winner = attempt;
        if (winner !== undefined || left === 0) resolve(dialed);
      });
    }
    if (left === 0) resolve({ cause: 'DESTINATION_OUT_OF_ORDER' });
    const dialed = await promise;
    signal?.removeEventListener('abort', giveUp);
    for (const attempt of attempts) if (attempt !== winner) attempt.giveUp('LOSE_RACE');
    return dialed;
  }

  #begin({ url, settings }: DialTarget, seconds: number, goesOn: GoesOn): Attempt {
    const { channels } = this.#parts;
    const { promise: result, resolve } = Promise.withResolvers<Dialed>();
    let channel: Channel | undefined;
    let givenUp: string | undefined;
    const fail = (cause: string) => resolve({ cause });
    const giveUp = (cause: string) => {
      givenUp = cause;
      fail(cause);
      channel?.hangup(cause);
    };
    const line: Line = {
      settings,
      uuid: this.#uuidOf(settings),
      onChannel: (made) => {
        channel = made;
        made.variables.setAll({ direction: 'outbound', uuid: made.uuid, call_uuid: made.uuid });
        for (const [name, value] of settings) made.variables.set(name, value);
        channels.add(made);
        if (givenUp !== undefined) made.hangup(givenUp);
      },
      onProgress: (made, to) => {
        if (to === 'answered' || goesOn[to]) resolve({ channel: made });
      },
      fail,
    };
    const least = Math.min(
      secondsOf(settings.get('leg_timeout')),
      secondsOf(settings.get('originate_timeout')),
      seconds,
    );
    const timer = this.#parts.host.clock.after(least * 1000, () => giveUp('NO_ANSWER'));
    void result.then(() => timer[Symbol.dispose]());
    this.#route(url, line);
    return { result, giveUp };
  }

  #route(url: string, line: Line): void {
    const { channels, host } = this.#parts;
    const [, kind = '', rest = ''] = /^([^/]*)\/(.*)$/s.exec(url) ?? [];
    if (channels.isFull) line.fail('SWITCH_CONGESTION');
    else if (line.uuid === undefined) line.fail('NORMAL_TEMPORARY_FAILURE');
    else if (kind === 'sofia') this.#dialSip(rest, line);
    else if (kind === 'loopback') this.#loop(rest, line);
    else if (kind === 'error') line.fail(causeOf(rest));
    else if (kind === 'user') line.fail('SUBSCRIBER_ABSENT');
    else {
      host.logger.info('a call was asked for by an endpoint that is not there');
      line.fail('CHAN_NOT_IMPLEMENTED');
    }
  }

  #dialSip(rest: string, line: Line): void {
    const [, profile = '', address = ''] = /^([^/]*)\/(.*)$/s.exec(rest) ?? [];
    const uri = parseUri(/^sips?:/i.test(address) ? address : `sip:${address}`);
    if (profile === 'gateway') line.fail('INVALID_GATEWAY');
    else if (address === '' || uri === undefined) line.fail('INVALID_URL');
    else if (profile !== PROFILE) line.fail('INVALID_PROFILE');
    else {
      const target = this.#targetOf(uri);
      if (target === undefined) line.fail('NETWORK_OUT_OF_ORDER');
      else this.#parts.host.supervise(this.#invite(uri, target, line));
    }
  }

  /** A server that is reached over loopback calls nobody anywhere else; nor does it look names up. */
  #targetOf({ host, port = SIP_PORT }: SipUri): SipTarget | undefined {
    const { sipAddress } = this.#parts;
    const address = host === 'localhost' ? '127.0.0.1' : host;
    if (!/^\d{1,3}(?:\.\d{1,3}){3}$/.test(address)) return undefined;
    if (isLoopback(sipAddress.split(':')[0] ?? '') && !isLoopback(address)) return undefined;
    return { host: address, port, transport: 'udp' };
  }

  async #invite(uri: SipUri, target: SipTarget, line: Line): Promise<void> {
    try {
      const leg = await this.#parts.legs.open();
      const { uuid = '', settings } = line;
      const call = new OutboundCall({
        ...this.#socketOptions,
        stack: this.#parts.stack,
        leg,
        uri,
        target,
        uuid,
        settings,
        onDialog: this.#parts.onDialog,
        onRinging: () => line.onProgress(call.channel, 'ringing'),
        onEarlyMedia: () => line.onProgress(call.channel, 'early'),
        onAnswered: () => line.onProgress(call.channel, 'answered'),
        onEnd: () => {
          this.#parts.onOver(call);
          this.#over(call.channel, line);
        },
      });
      line.onChannel(call.channel);
      if (!call.channel.isHungUp) await call.start();
    } catch (error) {
      this.#parts.host.logger.error({ code: codeOf(error) }, 'a call could not be made');
      line.fail('NORMAL_TEMPORARY_FAILURE');
    }
  }

  /** The second channel runs the extension; when one ends, so does the other. */
  #loop(place: string, line: Line): void {
    const steps = loopbackSteps(place);
    if (steps === undefined) {
      line.fail('NO_ROUTE_DESTINATION');
      return;
    }
    const [legA, legB] = loopbackPair();
    const destination = steps[0]?.application ?? '';
    const a = this.#loopbackChannel({ side: 'a', destination, leg: legA, uuid: line.uuid ?? '', other: () => b }, line);
    const uuid = newUuid(this.#parts.host.random);
    const b = this.#loopbackChannel({ side: 'b', destination, leg: legB, uuid, other: () => a }, line);
    this.#parts.channels.add(b);
    line.onChannel(a);
    for (const channel of [a, b]) {
      channel.publish('CHANNEL_CREATE');
      channel.progress.answer();
    }
    line.onProgress(a, 'answered');
    b.run(steps);
  }

  #loopbackChannel({ side, destination, leg, uuid, other }: LoopbackSide, line: Line): Channel {
    const { host, hub } = this.#parts;
    const outboundSocket = new OutboundSocket(this.#socketOptions);
    const channel: Channel = new Channel({
      host,
      hub,
      leg,
      uuid,
      direction: side === 'a' ? 'outbound' : 'inbound',
      applications: this.applications,
      callerAddress: '127.0.0.1',
      destination,
      name: `loopback/${destination}-${side}`,
      codec: 'PCMU',
      sendBye: (cause) => other().hangup(cause, true),
      connect: (target) => {
        const controller = controllerAt(target);
        if (controller === undefined) channel.hangup('NO_ROUTE_DESTINATION');
        else host.supervise(outboundSocket.connect(channel, controller));
      },
      onEnd: () => {
        outboundSocket.close();
        this.#over(channel, line);
      },
    });
    return channel;
  }

  #over(channel: Channel, line: Line): void {
    this.#parts.channels.remove(channel);
    line.fail(channel.facts().hangupCause ?? 'NORMAL_CLEARING');
  }

  get #socketOptions(): OutboundSocketOptions {
    return { ...this.#parts, dialer: this };
  }

  /** What `origination_uuid` asks for; undefined when that is in use, or no UUID. */
  #uuidOf(settings: Settings): string | undefined {
    const { host, channels } = this.#parts;
    const wanted = settings.get('origination_uuid');
    if (wanted === undefined) return newUuid(host.random);
    return /^[\w-]{1,64}$/.test(wanted) && channels.find(wanted) === undefined ? wanted : undefined;
  }
}

/** One of the two channels of a loopback call. */
interface LoopbackSide {
  readonly side: 'a' | 'b';
  readonly destination: string;
  readonly leg: AudioLeg;
  readonly uuid: string;
  readonly other: () => Channel;
}

interface Line {
  readonly settings: Settings;
  readonly uuid: string | undefined;
  readonly onChannel: (channel: Channel) => void;
  readonly onProgress: (channel: Channel, to: 'ringing' | 'early' | 'answered') => void;
  readonly fail: (cause: string) => void;
}

/** FreeSWITCH's rules: early media unless it is to be ignored (`consume` and `ring_ready` ignore it, too), ringing where one target is called. */
function goesOnAt(settings: Settings, targets: number): GoesOn {
  const word = settings.get('ignore_early_media') ?? '';
  const isIgnored = isTrue(word) || word === 'consume' || word === 'ring_ready';
  return {
    early: !isIgnored && !isTrue(settings.get('bridge_early_media') ?? ''),
    ringing: targets === 1 && isTrue(settings.get('return_ring_ready') ?? ''),
  };
}

function secondsOf(text: string | undefined): number {
  return Math.min(MAX_SECONDS, Number(text) > 0 ? Number(text) : MAX_SECONDS);
}
