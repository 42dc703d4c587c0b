// SIP statuses and call control's words, in both directions: the only place where one becomes the other (RFC 3261 §21).

/** Why a party that was called did not answer. */
export type AttemptReason =
  | 'busy'
  | 'no-answer'
  | 'rejected'
  | 'cancelled'
  | 'unreachable'
  | 'not-found'
  | 'no-audio'
  | 'failed';

export interface AttemptFault {
  readonly reason: AttemptReason;
  readonly sipStatus?: number;
}

/** Why we do not take a call. */
export type Refusal =
  | 'busy'
  | 'no-answer'
  | 'not-found'
  | 'forbidden'
  | 'not-acceptable'
  | 'declined'
  | 'malformed'
  | 'unavailable'
  | 'internal';

const REASONS: Readonly<Record<number, AttemptReason>> = {
  404: 'not-found',
  410: 'not-found',
  484: 'not-found',
  604: 'not-found',
  486: 'busy',
  600: 'busy',
  480: 'no-answer',
  403: 'rejected',
  603: 'rejected',
  607: 'rejected',
  487: 'cancelled',
  408: 'unreachable',
  503: 'unreachable',
  415: 'no-audio',
  488: 'no-audio',
  606: 'no-audio',
};

const STATUSES: Readonly<Record<Refusal, number>> = {
  busy: 486,
  'no-answer': 480,
  'not-found': 404,
  forbidden: 403,
  'not-acceptable': 488,
  declined: 603,
  malformed: 400,
  unavailable: 503,
  internal: 500,
};

/** What drachtio-srf rejected with: a SIP error with a status, or a failure of the edge. */
export function faultOf(error: unknown): AttemptFault {
  const status = typeof error === 'object' && error !== null && 'status' in error ? error.status : undefined;
  if (typeof status !== 'number') return { reason: 'failed' };
  return { reason: REASONS[status] ?? 'failed', sipStatus: status };
}

export function statusOf(refusal: Refusal): number {
  return STATUSES[refusal];
}
