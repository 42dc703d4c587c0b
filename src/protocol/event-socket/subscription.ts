// Which events an event socket hears: subscribed names and CUSTOM subclasses, and the filters over them.
import type { EventFields } from './frame.ts';

/** Subclasses and filters that one socket may add. */
const MAX_ENTRIES = 256;

const MAX_PATTERN = 256;

/** What FreeSWITCH calls an event; other words are skipped. */
const EVENT_NAMES: ReadonlySet<string> = new Set(
  (
    'CUSTOM CLONE CHANNEL_CREATE CHANNEL_DESTROY CHANNEL_STATE CHANNEL_CALLSTATE CHANNEL_ANSWER CHANNEL_HANGUP ' +
    'CHANNEL_HANGUP_COMPLETE CHANNEL_EXECUTE CHANNEL_EXECUTE_COMPLETE CHANNEL_HOLD CHANNEL_UNHOLD CHANNEL_BRIDGE ' +
    'CHANNEL_UNBRIDGE CHANNEL_PROGRESS CHANNEL_PROGRESS_MEDIA CHANNEL_OUTGOING CHANNEL_PARK CHANNEL_UNPARK ' +
    'CHANNEL_APPLICATION CHANNEL_ORIGINATE CHANNEL_UUID API LOG INBOUND_CHAN OUTBOUND_CHAN STARTUP SHUTDOWN PUBLISH ' +
    'UNPUBLISH TALK NOTALK SESSION_CRASH MODULE_LOAD MODULE_UNLOAD DTMF MESSAGE PRESENCE_IN NOTIFY_IN PRESENCE_OUT ' +
    'PRESENCE_PROBE MESSAGE_WAITING MESSAGE_QUERY ROSTER CODEC BACKGROUND_JOB DETECTED_SPEECH DETECTED_TONE ' +
    'PRIVATE_COMMAND HEARTBEAT TRAP ADD_SCHEDULE DEL_SCHEDULE EXE_SCHEDULE RE_SCHEDULE RELOADXML NOTIFY PHONE_FEATURE ' +
    'PHONE_FEATURE_SUBSCRIBE SEND_MESSAGE RECV_MESSAGE REQUEST_PARAMS CHANNEL_DATA GENERAL COMMAND SESSION_HEARTBEAT ' +
    'CLIENT_DISCONNECTED SERVER_DISCONNECTED SEND_INFO RECV_INFO RECV_RTCP_MESSAGE SEND_RTCP_MESSAGE CALL_SECURE NAT ' +
    'RECORD_START RECORD_STOP PLAYBACK_START PLAYBACK_STOP CALL_UPDATE FAILURE SOCKET_DATA MEDIA_BUG_START ' +
    'MEDIA_BUG_STOP CONFERENCE_DATA_QUERY CONFERENCE_DATA CALL_SETUP_REQ CALL_SETUP_RESULT CALL_DETAIL DEVICE_STATE ' +
    'TEXT SHUTDOWN_REQUESTED'
  ).split(' '),
);

interface Filter {
  readonly header: string;
  readonly value: string;
  readonly isVeto: boolean;
  readonly matches: (actual: string) => boolean;
}

export class Subscription {
  #isAll = false;
  readonly #names = new Set<string>();
  readonly #subclasses = new Set<string>();
  #filters: Filter[] = [];

  /** Adds what `event json A B CUSTOM x::y` names; all that follows CUSTOM are subclasses. False when no event is among the words. */
  add(words: readonly string[]): boolean {
    let isSubclass = false;
    let isAnyKnown = false;
    for (const word of words) {
      const name = word.toUpperCase().replace(/^SWITCH_EVENT_/, '');
      if (isSubclass) this.#addTo(this.#subclasses, word);
      else if (name === 'ALL') this.#isAll = true;
      else if (EVENT_NAMES.has(name)) this.#addTo(this.#names, name);
      else continue;
      isAnyKnown = true;
      isSubclass ||= name === 'CUSTOM';
    }
    return isAnyKnown;
  }

  /** False when none of them is an event. */
  remove(words: readonly string[]): boolean {
    let isAnyKnown = false;
    for (const word of words) {
      const name = word.toUpperCase().replace(/^SWITCH_EVENT_/, '');
      const isKnown = name === 'ALL' || EVENT_NAMES.has(name);
      if (name === 'ALL') this.clear();
      this.#names.delete(name);
      isAnyKnown = this.#subclasses.delete(word) || isKnown || isAnyKnown;
    }
    return isAnyKnown;
  }

  clear(): void {
    this.#isAll = false;
    this.#names.clear();
    this.#subclasses.clear();
  }

  addFilter(header: string, value: string): void {
    if (this.#filters.length >= MAX_ENTRIES) return;
    const isVeto = value.startsWith('-');
    this.#filters.push({ header, value, isVeto, matches: matcher(isVeto ? value.slice(1) : value) });
  }

  removeFilter(header: string, value: string | undefined): void {
    this.#filters = this.#filters.filter(
      (filter) =>
        header !== 'all' &&
        (filter.header.toLowerCase() !== header.toLowerCase() || (value !== undefined && filter.value !== value)),
    );
  }

  get isEmpty(): boolean {
    return !this.#isAll && this.#names.size === 0 && this.#subclasses.size === 0;
  }

  hears(name: string, subclass?: string): boolean {
    if (this.#isAll) return true;
    return name === 'CUSTOM' ? this.#subclasses.has(subclass ?? '') : this.#names.has(name);
  }

  /** No filter: everything passes. Else one must match and none that starts with `-` may. */
  passes(fields: EventFields): boolean {
    let isWanted = this.#filters.length === 0;
    for (const { header, isVeto, matches } of this.#filters) {
      const actual = fields.get(header);
      if (typeof actual !== 'string' || !matches(actual)) continue;
      if (isVeto) return false;
      isWanted = true;
    }
    return isWanted;
  }

  #addTo(set: Set<string>, word: string): void {
    if (set.size < MAX_ENTRIES) set.add(word);
  }
}

/** A value in slashes, `/…/` or `/…/i`, is an expression; any other is compared without regard to case. */
function matcher(value: string): (actual: string) => boolean {
  const [, pattern, flags = ''] = /^\/(.*?)(?:\/(i?))?$/s.exec(value) ?? [];
  if (pattern === undefined) return (actual) => actual.toLowerCase() === value.toLowerCase();
  if (pattern.length > MAX_PATTERN) return () => false;
  try {
    const expression = new RegExp(pattern, flags);
    return (actual) => expression.test(actual);
  } catch {
    return () => false;
  }
}
