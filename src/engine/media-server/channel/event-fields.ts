// The headers that say what a channel is, in FreeSWITCH's order: caller profile, states, codecs, variables.
import type { AudioCodec } from '../../../protocol/sdp/audio.ts';
import type { Fields } from '../host/event-hub.ts';
import { CONTEXT } from '../host/identity.ts';
import { toldCodec } from './codec-names.ts';
import type { Variables } from './variables.ts';

export type CallState = 'DOWN' | 'RINGING' | 'EARLY' | 'ACTIVE' | 'HELD' | 'UNHELD' | 'HANGUP';
export type CallDirection = 'inbound' | 'outbound';
export type ChannelState = 'CS_INIT' | 'CS_ROUTING' | 'CS_SOFT_EXECUTE' | 'CS_EXECUTE' | 'CS_PARK' | 'CS_HANGUP';

export const CALL_STATE_NUMBERS: Readonly<Record<CallState, number>> = {
  DOWN: 0,
  RINGING: 2,
  EARLY: 3,
  ACTIVE: 4,
  HELD: 5,
  HANGUP: 7,
  UNHELD: 8,
};

const CHANNEL_STATE_NUMBERS: Readonly<Record<ChannelState, number>> = {
  CS_INIT: 2,
  CS_ROUTING: 2,
  CS_SOFT_EXECUTE: 3,
  CS_EXECUTE: 4,
  CS_PARK: 6,
  CS_HANGUP: 10,
};

/** When it happened, in UTC milliseconds; 0 while it has not. */
export interface ChannelTimes {
  readonly createdAt: number;
  /** It rings, and it is heard before it answers: only of a party that was called. */
  readonly progressAt: number;
  readonly progressMediaAt: number;
  readonly answeredAt: number;
  readonly hungUpAt: number;
  readonly bridgedAt: number;
}

export function timesFrom(createdAt: number): ChannelTimes {
  return { createdAt, progressAt: 0, progressMediaAt: 0, answeredAt: 0, hungUpAt: 0, bridgedAt: 0 };
}

/** What the headers are made of. */
export interface ChannelFacts extends ChannelTimes {
  readonly uuid: string;
  readonly name: string;
  readonly direction: CallDirection;
  readonly callerAddress: string;
  readonly destination: string;
  readonly state: ChannelState;
  readonly callState: CallState;
  readonly hangupCause: string | undefined;
  readonly codec: AudioCodec;
  /** The channel it is bridged to. */
  readonly other: ChannelFacts | undefined;
  readonly isOriginator: boolean;
  readonly variables: Variables;
}

/** Headers of every channel event. */
export function basicFields(facts: ChannelFacts): Fields {
  return [...stateFields(facts), ...profileFields('Caller', facts), ...otherLegFields(facts)];
}

/** `variable_…`, for the events that carry them. */
export function variableFields(variables: Variables): Fields {
  return [...variables].map(([name, value]) => [`variable_${name}`, value] as const);
}

/** CHANNEL_DATA: what `connect` is answered with. */
export function dataFields(facts: ChannelFacts): Fields {
  return [...profileFields('Channel', facts), ...basicFields(facts), ...variableFields(facts.variables)];
}

/** What `uuid_dump` prints. */
export function dumpFields(facts: ChannelFacts): Fields {
  return [...basicFields(facts), ...variableFields(facts.variables)];
}

function stateFields(facts: ChannelFacts): Fields {
  return [
    ['Channel-State', facts.state],
    ['Channel-Call-State', facts.callState],
    ['Channel-State-Number', String(CHANNEL_STATE_NUMBERS[facts.state])],
    ['Channel-Name', facts.name],
    ['Unique-ID', facts.uuid],
    ['Call-Direction', facts.direction],
    ['Presence-Call-Direction', facts.direction],
    ['Channel-HIT-Dialplan', 'true'],
    ['Channel-Call-UUID', facts.uuid],
    ['Answer-State', answerState(facts)],
    ...(facts.hangupCause === undefined ? [] : [['Hangup-Cause', facts.hangupCause] as const]),
    ...codecFields('Channel-Read-Codec', facts.codec),
    ...codecFields('Channel-Write-Codec', facts.codec),
  ];
}

function answerState({ hangupCause, answeredAt, progressMediaAt }: ChannelFacts): string {
  if (hangupCause !== undefined) return 'hangup';
  if (answeredAt > 0) return 'answered';
  return progressMediaAt > 0 ? 'early' : 'ringing';
}

function codecFields(prefix: string, codec: AudioCodec): Fields {
  const { name, rate, bitrate } = toldCodec(codec);
  return [
    [`${prefix}-Name`, name],
    [`${prefix}-Rate`, String(rate)],
    [`${prefix}-Bit-Rate`, String(bitrate)],
  ];
}

function profileFields(prefix: string, facts: ChannelFacts): Fields {
  const fields: ReadonlyArray<readonly [string, string]> = [
    ['Direction', facts.direction],
    ['Logical-Direction', facts.direction],
    ['Dialplan', 'XML'],
    ['Caller-ID-Name', 'unknown'],
    ['Orig-Caller-ID-Name', 'unknown'],
    ['Network-Addr', facts.callerAddress],
    ['Destination-Number', facts.destination],
    ['Unique-ID', facts.uuid],
    ['Source', 'mod_sofia'],
    ['Context', CONTEXT],
    ['Channel-Name', facts.name],
    ['Profile-Index', '1'],
    ['Profile-Created-Time', micros(facts.createdAt)],
    ['Channel-Created-Time', micros(facts.createdAt)],
    ['Channel-Answered-Time', micros(facts.answeredAt)],
    ['Channel-Progress-Time', micros(facts.progressAt)],
    ['Channel-Progress-Media-Time', micros(facts.progressMediaAt || facts.answeredAt)],
    ['Channel-Hangup-Time', micros(facts.hungUpAt)],
    ['Channel-Transfer-Time', '0'],
    ['Channel-Resurrect-Time', '0'],
    ['Channel-Bridged-Time', micros(facts.bridgedAt)],
    ['Channel-Last-Hold', '0'],
    ['Channel-Hold-Accum', '0'],
    ['Screen-Bit', 'true'],
    ['Privacy-Hide-Name', 'false'],
    ['Privacy-Hide-Number', 'false'],
  ];
  return fields.map(([name, value]) => [`${prefix}-${name}`, value] as const);
}

function otherLegFields(facts: ChannelFacts): Fields {
  if (facts.other === undefined) return [];
  return [['Other-Type', facts.isOriginator ? 'originatee' : 'originator'], ...profileFields('Other-Leg', facts.other)];
}

function micros(utcMs: number): string {
  return String(utcMs * 1000);
}

/** Fields of the caller profile that can be asked for as variables (`switch_caller_get_field_by_name`). */
const PROFILE_VALUES: Readonly<Record<string, (facts: ChannelFacts) => string>> = {
  caller_id_name: () => 'unknown',
  orig_caller_id_name: () => 'unknown',
  dialplan: () => 'XML',
  context: () => CONTEXT,
  source: () => 'mod_sofia',
  network_addr: ({ callerAddress }) => callerAddress,
  destination_number: ({ destination }) => destination,
  chan_name: ({ name }) => name,
  uuid: ({ uuid }) => uuid,
  direction: ({ direction }) => direction,
  created_time: ({ createdAt }) => micros(createdAt),
  profile_created: ({ createdAt }) => micros(createdAt),
  answered_time: ({ answeredAt }) => micros(answeredAt),
  hungup_time: ({ hungUpAt }) => micros(hungUpAt),
  bridged_time: ({ bridgedAt }) => micros(bridgedAt),
};

export function profileValue(name: string, facts: ChannelFacts): string | undefined {
  return Object.hasOwn(PROFILE_VALUES, name) ? PROFILE_VALUES[name]?.(facts) : undefined;
}
