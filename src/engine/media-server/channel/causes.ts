// Why a call ends, in FreeSWITCH's words and numbers: ITU-T Q.850 below 128, its own above.

const CAUSES: Readonly<Record<string, number>> = {
  NONE: 0,
  UNALLOCATED_NUMBER: 1,
  NO_ROUTE_TRANSIT_NET: 2,
  NO_ROUTE_DESTINATION: 3,
  CHANNEL_UNACCEPTABLE: 6,
  CALL_AWARDED_DELIVERED: 7,
  NORMAL_CLEARING: 16,
  USER_BUSY: 17,
  NO_USER_RESPONSE: 18,
  NO_ANSWER: 19,
  SUBSCRIBER_ABSENT: 20,
  CALL_REJECTED: 21,
  NUMBER_CHANGED: 22,
  REDIRECTION_TO_NEW_DESTINATION: 23,
  EXCHANGE_ROUTING_ERROR: 25,
  DESTINATION_OUT_OF_ORDER: 27,
  INVALID_NUMBER_FORMAT: 28,
  FACILITY_REJECTED: 29,
  NORMAL_UNSPECIFIED: 31,
  NORMAL_CIRCUIT_CONGESTION: 34,
  NETWORK_OUT_OF_ORDER: 38,
  NORMAL_TEMPORARY_FAILURE: 41,
  SWITCH_CONGESTION: 42,
  REQUESTED_CHAN_UNAVAIL: 44,
  OUTGOING_CALL_BARRED: 52,
  INCOMING_CALL_BARRED: 54,
  BEARERCAPABILITY_NOTAUTH: 57,
  BEARERCAPABILITY_NOTAVAIL: 58,
  SERVICE_UNAVAILABLE: 63,
  CHAN_NOT_IMPLEMENTED: 66,
  SERVICE_NOT_IMPLEMENTED: 79,
  INCOMPATIBLE_DESTINATION: 88,
  RECOVERY_ON_TIMER_EXPIRE: 102,
  PROTOCOL_ERROR: 111,
  INTERWORKING: 127,
  ORIGINATOR_CANCEL: 487,
  SYSTEM_SHUTDOWN: 701,
  LOSE_RACE: 702,
  MANAGER_REQUEST: 703,
  BLIND_TRANSFER: 800,
  ATTENDED_TRANSFER: 801,
  ALLOTTED_TIMEOUT: 802,
  USER_CHALLENGE: 803,
  MEDIA_TIMEOUT: 804,
  PICKED_OFF: 805,
  USER_NOT_REGISTERED: 806,
  PROGRESS_TIMEOUT: 807,
  INVALID_GATEWAY: 808,
  INVALID_URL: 810,
  INVALID_PROFILE: 811,
  DECLINE: 816,
  NOT_ACCEPTABLE: 818,
};

const NAMES: ReadonlyMap<number, string> = new Map(Object.entries(CAUSES).map(([name, number]) => [number, name]));
const LAST_Q850 = 127;

/** The cause that a command names, by word or number; whatever is neither is a normal end. */
export function causeOf(text: string | undefined): string {
  const word = (text ?? '').trim().toUpperCase();
  if (/^\d{1,4}$/.test(word)) return NAMES.get(Number(word)) ?? 'UNKNOWN';
  return word in CAUSES ? word : 'NORMAL_CLEARING';
}

export function causeNumber(cause: string): number {
  return CAUSES[cause] ?? 16;
}

/** The value of a BYE's Reason (RFC 3326): what Q.850 does not know is told in FreeSWITCH's own name. */
export function reasonValue(cause: string): string {
  const number = causeNumber(cause);
  return `${number <= LAST_Q850 ? 'Q.850' : 'FreeSWITCH'};cause=${number};text="${cause}"`;
}

const STATUSES: ReadonlyArray<readonly [cause: string, statuses: readonly number[]]> = [
  ['NORMAL_CLEARING', [200]],
  ['CALL_REJECTED', [401, 402, 403, 407, 603, 608]],
  ['UNALLOCATED_NUMBER', [404]],
  ['NO_ROUTE_DESTINATION', [485, 604]],
  ['RECOVERY_ON_TIMER_EXPIRE', [408, 504]],
  ['NUMBER_CHANGED', [410]],
  ['INTERWORKING', [413, 414, 416, 420, 421, 423, 505, 513]],
  ['NO_USER_RESPONSE', [480]],
  ['NORMAL_TEMPORARY_FAILURE', [400, 481, 500, 503]],
  ['USER_BUSY', [486, 600]],
  ['INVALID_NUMBER_FORMAT', [484]],
  ['INCOMPATIBLE_DESTINATION', [488, 606]],
  ['NETWORK_OUT_OF_ORDER', [502]],
  ['SERVICE_UNAVAILABLE', [405]],
  ['SERVICE_NOT_IMPLEMENTED', [406, 415, 501]],
  ['EXCHANGE_ROUTING_ERROR', [482, 483]],
  ['ORIGINATOR_CANCEL', [487]],
];

const BY_STATUS: ReadonlyMap<number, string> = new Map(
  STATUSES.flatMap(([cause, statuses]) => statuses.map((status) => [status, cause] as const)),
);

/** What a final answer to our INVITE means, as mod_sofia has it. */
export function causeOfStatus(status: number): string {
  return BY_STATUS.get(status) ?? 'NORMAL_UNSPECIFIED';
}
