// The applications that run nested in one another on a channel, innermost last, and what is told of each (contract §3.1).
import { expand } from '../../../protocol/event-socket/arguments.ts';
import type { Fields } from '../host/event-hub.ts';
import { newUuid } from '../host/host.ts';
import type { RunningApplication, StartApplication } from './application.ts';
import type { Channel } from './channel.ts';

/** Applications nested in one another; a further one ends the call. */
const MAX_NESTED = 64;

export interface Run {
  readonly application: string;
  readonly data: string;
  readonly uuid: string;
}

/** `loops`: how often it runs, one after the other. `isLocked`: what comes meanwhile waits for its end. */
export interface RunStyle {
  readonly loops: number;
  readonly isLocked: boolean;
}

const ONCE: RunStyle = { loops: 1, isLocked: false };

interface Frame extends Run {
  readonly style: RunStyle;
  running: RunningApplication | undefined;
}

export class ApplicationStack {
  readonly #channel: Channel;
  readonly #applications: ReadonlyMap<string, StartApplication>;
  readonly #onIdle: () => void;
  readonly #frames: Frame[] = [];
  /** What waits for a locked one. */
  #deferred: (() => void)[] = [];
  #isDropping = false;

  /** `onIdle` is called whenever the last application has ended. */
  constructor(channel: Channel, applications: ReadonlyMap<string, StartApplication>, onIdle: () => void) {
    this.#channel = channel;
    this.#applications = applications;
    this.#onIdle = onIdle;
  }

  get isIdle(): boolean {
    return this.#frames.length === 0;
  }

  /** The innermost one. */
  get top(): RunningApplication | undefined {
    return this.#frames.length === 0 ? undefined : this.#frames[this.#frames.length - 1]?.running;
  }

  /** Runs one inside whatever runs now. Unknown ones end the call, as on FreeSWITCH. */
  execute(name: string, data: string, uuid: string, style: RunStyle = ONCE): void {
    const application = name.toLowerCase();
    if (this.#deferred.length + this.#frames.length >= MAX_NESTED || !this.#applications.has(application)) {
      this.#channel.hangup('DESTINATION_OUT_OF_ORDER');
    } else if (this.#frames.some((frame) => frame.style.isLocked)) {
      this.#deferred.push(() => this.execute(application, data, uuid, style));
    } else this.#run(application, data, uuid, style);
  }

  #run(application: string, rawData: string, uuid: string, style: RunStyle): void {
    const channel = this.#channel;
    const data = expand(rawData, (name) => channel.valueOf(name));
    const frame: Frame = { application, data, uuid, style, running: undefined };
    channel.variables.setAll({ current_application_data: data, current_application: application });
    channel.publish('CHANNEL_EXECUTE', executeFields(frame));
    this.#frames.push(frame);
    const complete = (response?: string) => this.#complete(frame, response);
    const running = this.#applications.get(application)?.({ channel, argument: data, complete });
    if (running === undefined) complete();
    else frame.running = running;
  }

  /** A step of the dialplan that is done elsewhere, told as every application is. */
  tell(application: string, data: string, act: () => void): void {
    const run = { application, data, uuid: newUuid(this.#channel.host.random) };
    this.#channel.publish('CHANNEL_EXECUTE', executeFields(run));
    act();
    publishComplete(this.#channel, run);
  }

  /** `uuid_break`: the innermost one, or with `all` each. */
  break(all: boolean): void {
    for (const frame of this.#frames.toReversed()) {
      frame.running?.onBreak?.();
      if (!all) return;
    }
  }

  /** Ends each at once, innermost first: hang-up, bridge, transfer. */
  drop(): void {
    this.#deferred = [];
    this.#isDropping = true;
    for (const frame of this.#frames.toReversed()) {
      frame.running?.onHangup?.();
      this.#complete(frame, undefined);
    }
    this.#isDropping = false;
  }

  #complete(frame: Frame, response: string | undefined): void {
    const at = this.#frames.indexOf(frame);
    if (at < 0) return;
    this.#frames.splice(at, 1);
    publishComplete(this.#channel, frame, response);
    const { application, data, uuid, style } = frame;
    if (style.loops > 1 && !this.#channel.isHungUp && !this.#isDropping) {
      this.#run(application, data, uuid, { ...style, loops: style.loops - 1 });
    } else if (this.#frames.length === 0 && this.#deferred.length > 0) {
      for (const start of this.#deferred.splice(0)) start();
    } else if (this.#frames.length === 0) this.#onIdle();
  }
}

export function executeFields({ application, data, uuid }: Run): Fields {
  return [...applicationFields(application, data), ['Application-UUID', uuid]];
}

export function publishComplete(channel: Channel, { application, data, uuid }: Run, response?: string): void {
  if (response !== undefined) channel.variables.set('current_application_response', response);
  channel.publish('CHANNEL_EXECUTE_COMPLETE', [
    ...applicationFields(application, data),
    ['Application-Response', response ?? '_none_'],
    ['Application-UUID', uuid],
  ]);
}

function applicationFields(application: string, data: string): Fields {
  const name = ['Application', application] as const;
  return data === '' ? [name] : [name, ['Application-Data', data]];
}
