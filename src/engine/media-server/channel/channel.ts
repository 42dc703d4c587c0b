// One call as FreeSWITCH sees it: what it is, what of it is told, what runs on it, and its one ending.

import type { EventFields } from '../../../protocol/event-socket/frame.ts';
import type { AudioCodec } from '../../../protocol/sdp/audio.ts';
import type { AudioLeg } from '../audio/leg.ts';
import type { EventHub, Fields } from '../host/event-hub.ts';
import type { MediaHost } from '../host/host.ts';
import { newUuid } from '../host/host.ts';
import type { StartApplication } from './application.ts';
import { ApplicationStack, type RunStyle } from './application-stack.ts';
import type { Bridge } from './bridge.ts';
import { CallProgress } from './call-progress.ts';
import { causeOf } from './causes.ts';
import { ChannelAudio } from './channel-audio.ts';
import { ChannelDigits } from './channel-digits.ts';
import { ChannelRecordings } from './channel-recordings.ts';
import { ChannelTasks } from './channel-tasks.ts';
import { DialplanWalk, type Step } from './dialplan.ts';
import { endVariables } from './end-variables.ts';
import type { CallDirection, ChannelFacts } from './event-fields.ts';
import { basicFields, dataFields, dumpFields, profileValue, variableFields } from './event-fields.ts';
import { globalVariable } from './global-variables.ts';
import { mediaStatistics } from './media-statistics.ts';
import { Variables } from './variables.ts';
import { Waiting } from './waiting.ts';

export interface ChannelOptions {
  readonly host: MediaHost;
  readonly hub: EventHub;
  readonly leg: AudioLeg;
  readonly applications: ReadonlyMap<string, StartApplication>;
  readonly callerAddress: string;
  readonly destination: string;
  readonly name: string;
  readonly codec: AudioCodec;
  /** Chosen here when absent. */
  readonly uuid?: string;
  /** Seen from this server; `inbound` when absent. */
  readonly direction?: CallDirection;
  /** The dialplan has come to `socket <target>`. */
  readonly connect?: (target: string) => void;
  /** The call is about to end and nothing was told yet. */
  readonly onHangup?: () => void;
  /** Ends the SIP dialog, unless it was the one that ended. */
  readonly sendBye: (cause: string) => void;
  /** The channel is over and everything was told. */
  readonly onEnd: (channel: Channel) => void;
}

export class Channel {
  readonly uuid: string;
  readonly host: MediaHost;
  readonly leg: AudioLeg;
  readonly variables = new Variables();
  readonly recordings: ChannelRecordings;
  readonly digits: ChannelDigits;
  readonly audio: ChannelAudio;
  readonly tasks: ChannelTasks;
  readonly applications: ApplicationStack;
  readonly waiting = new Waiting(this);
  readonly progress: CallProgress;
  codec: AudioCodec;
  bridge: Bridge | undefined;
  readonly #options: ChannelOptions;
  readonly #walk: DialplanWalk;
  #hangupCause: string | undefined;
  #isControlled = true;
  #isOver = false;

  constructor(options: ChannelOptions) {
    this.#options = options;
    this.host = options.host;
    this.leg = options.leg;
    this.codec = options.codec;
    this.uuid = options.uuid ?? newUuid(options.host.random);
    this.progress = new CallProgress(this, options.hub);
    this.recordings = new ChannelRecordings(this);
    this.digits = new ChannelDigits(this, options.hub);
    this.applications = new ApplicationStack(this, options.applications, () => this.#idle());
    this.#walk = new DialplanWalk({ run: (step) => this.#step(step), finish: () => this.hangup('NORMAL_CLEARING') });
    this.audio = new ChannelAudio(this);
    this.tasks = new ChannelTasks(options.host.clock);
    this.leg.onDigit = (digit, ticks) => this.digits.receive(digit, ticks, 'RTP');
    this.leg.onLost = () => this.hangup('NETWORK_OUT_OF_ORDER');
  }

  get isHungUp(): boolean {
    return this.#hangupCause !== undefined;
  }

  /** What `${name}` means: a variable of its own, what its caller profile says, a variable of the server. */
  valueOf(name: string): string | undefined {
    return this.variables.get(name) ?? profileValue(name, this.facts(false)) ?? globalVariable(name, this.host);
  }

  facts(withOther = true): ChannelFacts {
    const { bridge } = this;
    return {
      uuid: this.uuid,
      name: this.#options.name,
      direction: this.#options.direction ?? 'inbound',
      callerAddress: this.#options.callerAddress,
      destination: this.#options.destination,
      ...this.progress.times,
      state: this.progress.state,
      callState: this.progress.callState,
      hangupCause: this.#hangupCause,
      codec: this.codec,
      other: withOther ? bridge?.otherOf(this).facts(false) : undefined,
      isOriginator: bridge?.first === this,
      variables: this.variables,
    };
  }

  /** The block that answers `connect`. */
  data(): EventFields {
    return this.#options.hub.build('CHANNEL_DATA', dataFields(this.facts()));
  }

  dump(): EventFields {
    return this.#options.hub.build('CHANNEL_DATA', dumpFields(this.facts()));
  }

  /** A channel event with its variables, then `extra`. */
  publish(name: string, extra: Fields = [], subclass?: string): void {
    const { hub } = this.#options;
    const fields = () => [...basicFields(this.facts()), ...variableFields(this.variables), ...extra];
    if (name === 'CUSTOM' && subclass !== undefined) hub.publishCustom(subclass, fields);
    else hub.publish(name, fields);
  }

  /** Ends whatever it does, because it is bridged or sent elsewhere. */
  interrupt(): void {
    this.#walk.leave();
    this.applications.drop();
    this.waiting.end();
  }

  /** FreeSWITCH routes a channel that is transferred anew, then runs the dialplan. */
  transfer(steps: readonly Step[]): void {
    this.interrupt();
    this.progress.reroute(this.#options.direction !== 'outbound');
    this.run(steps);
  }

  /** Runs a dialplan, and ends after its last step unless that waits. */
  run(steps: readonly Step[]): void {
    this.guard(() => this.#walk.begin(steps));
  }

  park(): void {
    this.transfer([{ application: 'park', data: '' }]);
  }

  #step({ application, data }: Step): void {
    if (application === 'park') {
      this.#walk.leave();
      this.waiting.parked();
    } else if (application === 'socket') {
      this.#walk.leave();
      this.#options.connect?.(data.split(/\s/)[0] ?? '');
    } else this.execute(application, data, newUuid(this.host.random));
  }

  /** The wait after a bridge whose other leg is gone (`park_after_bridge`). */
  parkAfterBridge(): void {
    this.progress.state = 'CS_PARK';
    this.waiting.afterBridge();
  }

  enterBridge(bridge: Bridge, other: string): void {
    this.bridge = bridge;
    this.progress.state = 'CS_SOFT_EXECUTE';
    this.tellBridged(other);
    this.publish('CHANNEL_EXECUTE', [
      ['Application', 'uuid_bridge'],
      ['Application-Data', other],
    ]);
    this.progress.state = 'CS_EXECUTE';
  }

  tellBridged(other: string): void {
    this.progress.stamp('bridgedAt');
    this.variables.setAll({ bridge_uuid: other, signal_bond: other });
  }

  leaveBridge(): void {
    this.bridge = undefined;
  }

  /** Runs an application inside whatever runs now. */
  execute(application: string, data: string, uuid: string, style?: RunStyle): void {
    if (!this.isHungUp) this.guard(() => this.applications.execute(application, data, uuid, style));
  }

  /** A mistake of ours in one call ends that call and no other. */
  guard(act: () => void): void {
    try {
      act();
    } catch (error) {
      this.fail(error);
    }
  }

  fail(error: unknown): void {
    this.host.logger.error({ err: error, channel: this.uuid }, 'a call has failed');
    this.hangup('NORMAL_TEMPORARY_FAILURE');
  }

  /** The controlling socket is gone: a waiting channel ends, one that is busy when it has finished, a bridged one stays (contract §5.8). */
  losesController(): void {
    this.#isControlled = false;
    this.#endIfAlone();
  }

  /** The one ending. `given` is FreeSWITCH's word or number for why; `byRemote` when the party's BYE is the reason. */
  hangup(given: string, byRemote = false): void {
    if (this.isHungUp) return;
    const cause = causeOf(given);
    this.#hangupCause = cause;
    this.progress.stamp('hungUpAt');
    const lastApp = this.variables.get('current_application') ?? '';
    this.#options.onHangup?.();
    this.publish('CHANNEL_HANGUP');
    this.#walk.leave();
    this.applications.drop();
    this.bridge?.end(this);
    this.waiting.end();
    this.recordings.stop('all');
    this.progress.end();
    if (!byRemote) this.#options.sendBye(cause);
    const disposition = byRemote ? 'recv_bye' : 'send_bye';
    this.variables.setAll(endVariables(this.facts(), { disposition, digits: this.digits.dialed, lastApp }));
    this.variables.setAll(mediaStatistics(this.leg.stats));
    this.publish('CHANNEL_HANGUP_COMPLETE');
    this.#end();
  }

  #end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.publish('CHANNEL_DESTROY');
    this.leg.onDigit = undefined;
    this.audio[Symbol.dispose]();
    this.tasks[Symbol.dispose]();
    this.leg[Symbol.dispose]();
    this.#options.onEnd(this);
  }

  /** No application runs any more. */
  #idle(): void {
    if (this.#walk.isUnderWay) this.#walk.next();
    else this.#endIfAlone();
  }

  #endIfAlone(): void {
    if (!this.#isControlled && this.waiting.isForCommands && this.applications.isIdle) this.hangup('NORMAL_CLEARING');
  }
}
