// The conferences of a media server by name, and the `conference` application that leads a channel into one.

import { APPLICATIONS } from '../applications/table.ts';
import type { Execution, RunningApplication, StartApplication } from '../channel/application.ts';
import type { Channel } from '../channel/channel.ts';
import { Player } from '../channel/player.ts';
import type { EventHub } from '../host/event-hub.ts';
import type { MediaHost } from '../host/host.ts';
import type { Entry } from './conference.ts';
import { Conference } from './conference.ts';
import { PinEntry } from './pin-entry.ts';

const MAX_CONFERENCES = 256;
const MAX_NAME = 128;
const DEFAULT_PROFILE = 'default';
/** Under the sounds folder; a clinic that lacks it hears nothing there. */
const LOCKED_SOUND = 'conference/conf-locked.wav';

/** What `name[@profile][+[pin][+flags{a|b}]]` asks for. */
export interface ConferenceRequest {
  readonly name: string;
  readonly profile: string;
  readonly pin: string;
  readonly flags: ReadonlySet<string>;
}

export class Conferences {
  /** Every application of a channel, `conference` among them. */
  readonly applications: ReadonlyMap<string, StartApplication>;
  readonly #host: MediaHost;
  readonly #hub: EventHub;
  readonly #byName = new Map<string, Conference>();
  #lastId = 0;

  constructor(host: MediaHost, hub: EventHub) {
    this.#host = host;
    this.#hub = hub;
    const conference: StartApplication = (execution) => this.#lead(execution);
    this.applications = new Map([...APPLICATIONS, ['conference', conference]]);
  }

  get list(): readonly Conference[] {
    return [...this.#byName.values()];
  }

  find(name: string): Conference | undefined {
    return this.#byName.get(name);
  }

  /** The conference, made when there is none; undefined when there are too many. */
  open(name: string, profile = DEFAULT_PROFILE, pin = '', waitsForModerator = false): Conference | undefined {
    const running = this.#byName.get(name);
    if (running !== undefined || this.#byName.size >= MAX_CONFERENCES) return running;
    const onEnd = () => this.#byName.delete(name);
    const parts = { host: this.#host, hub: this.#hub, name, profile, pin, waitsForModerator, onEnd };
    const conference = new Conference(parts);
    this.#byName.set(name, conference);
    return conference;
  }

  #lead({ channel, argument, complete }: Execution): RunningApplication | undefined {
    const request = parseRequest(argument);
    if (request === undefined) return undefined;
    const given = request.pin === '' ? (channel.variables.get('supplied_pin') ?? '') : request.pin;
    return this.#enter(channel, request, given, complete);
  }

  /** By the conference as it is now: while a PIN is keyed in, it may end, be locked, or another may begin. */
  #enter(
    channel: Channel,
    request: ConferenceRequest,
    given: string,
    complete: () => void,
  ): RunningApplication | undefined {
    const { name, profile, pin, flags } = request;
    const running = this.find(name);
    if (running === undefined && flags.has('join-only')) {
      channel.host.logger.info({ channel: channel.uuid }, 'a conference that was only to be joined does not exist');
      return undefined;
    }
    const conference = running ?? this.open(name, profile, pin, flags.has('wait-mod'));
    if (conference === undefined) return undefined;
    const isFull = conference.maxMembers > 0 && conference.size >= conference.maxMembers;
    if (conference.isLocked || isFull) return refusing(channel, complete);
    if (running === undefined || conference.pin === '' || given === conference.pin) {
      this.#lastId++;
      return conference.add(channel, entryOf(flags), this.#lastId, complete);
    }
    const enter = (keyed: string) => this.#enter(channel, request, keyed, complete);
    return new PinEntry(channel, conference, enter, complete);
  }
}

function refusing(channel: Channel, complete: () => void): RunningApplication {
  const player = new Player(channel, LOCKED_SOUND, complete);
  player.start();
  return { tick: (_heard, out) => player.tick(out), onHangup: () => player.abort() };
}

export function parseRequest(argument: string): ConferenceRequest | undefined {
  const flagText = /\+?flags\{([^}]*)\}/.exec(argument);
  const rest = flagText === null ? argument : argument.replace(flagText[0], '');
  const [place = '', pin = ''] = rest.trim().split('+');
  const [name = '', profile = DEFAULT_PROFILE] = place.split('@');
  if (name === '' || name.length > MAX_NAME) return undefined;
  const flags = new Set((flagText?.[1] ?? '').split('|').map((flag) => flag.trim().toLowerCase()));
  return { name, profile, pin: pin.trim(), flags };
}

function entryOf(flags: ReadonlySet<string>): Entry {
  return {
    isModerator: flags.has('moderator'),
    isEndconf: flags.has('endconf'),
    isGhost: flags.has('ghost'),
    isMintwo: flags.has('mintwo'),
    isAlwaysHeard: flags.has('audio-always'),
    detectsWhileMuted: flags.has('mute-detect'),
    isMuted: flags.has('mute'),
    isDeaf: flags.has('deaf'),
  };
}
