// What counts against a source and how much: scanners' marks in requests, and refusals that an application's answers are.
import type { SipRequest, SipResponse } from '../../protocol/sip/message.ts';

export type BanReason = 'scanner' | 'unknown-method' | 'wrong-password' | 'refused' | 'probing';

export interface Offence {
  readonly points: number;
  readonly reason: BanReason;
}

export interface AnswerVerdict {
  /** Undefined for a success. */
  readonly offence: Offence | undefined;
  /** What a success makes up for. */
  readonly credit: number;
  /** Nonces that the source was given. */
  readonly issued: readonly string[];
}

/** Bans at once. */
const SCANNER: Offence = { points: 1_000, reason: 'scanner' };
/** Some phones invent a method of their own; nobody needs four of them. */
const UNKNOWN_METHOD: Offence = { points: 5, reason: 'unknown-method' };
/** A stranger that asks what we are. */
const PROBE: Offence = { points: 0.2, reason: 'probing' };
const WRONG_PASSWORD: Offence = { points: 1, reason: 'wrong-password' };
const REFUSED: Offence = { points: 1, reason: 'refused' };
/** A known phone that misdialled. */
const MISDIALLED: Offence = { points: 0.1, reason: 'refused' };
/** Every registration begins with a challenge, and thirty phones behind one address begin at once. */
const CHALLENGED: Offence = { points: 0.02, reason: 'probing' };
/** The same over UDP from one that has never succeeded. */
const CHALLENGED_STRANGER: Offence = { points: 0.05, reason: 'probing' };
const CREDIT = 2;

const METHODS = new Set(
  ['INVITE', 'ACK', 'BYE', 'CANCEL', 'OPTIONS', 'REGISTER', 'PRACK', 'SUBSCRIBE', 'NOTIFY', 'PUBLISH', 'INFO'].concat([
    'REFER',
    'MESSAGE',
    'UPDATE',
  ]),
);

const TOOLS =
  /friendly-(scanner|request)|sipvicious|sundayddr|sipcli|sip-?scan|\bsmap\b|\biwar\b|vaxsip|pplsip|sivus|sipptk|mr\.?sip|viproy/i;

/** What is wrong with a request itself; it then gets no answer. */
export function judgeRequest({ method, headers }: SipRequest, isStranger: boolean): Offence | undefined {
  if (TOOLS.test(headers.get('user-agent') ?? '') || /"sipvicious"/i.test(headers.get('from') ?? '')) return SCANNER;
  if (!METHODS.has(method)) return UNKNOWN_METHOD;
  const isInDialog = /;\s*tag\s*=/i.test(headers.get('to') ?? '');
  return method === 'OPTIONS' && isStranger && !isInDialog ? PROBE : undefined;
}

export interface SourceHistory {
  readonly isReliable: boolean;
  readonly hasSucceeded: boolean;
  /** Whether it was challenged with this nonce lately. */
  hasIssued(nonce: string): boolean;
}

/** What an answer that is relayed says of its source; undefined when nothing. */
export function judgeAnswer(
  request: SipRequest,
  response: SipResponse,
  history: SourceHistory,
): AnswerVerdict | undefined {
  const { status } = response;
  const credentials = request.headers.get('authorization') ?? request.headers.get('proxy-authorization');
  if (status >= 200 && status < 300) {
    const isProof = credentials !== undefined || request.method === 'REGISTER' || request.method === 'INVITE';
    return isProof ? { offence: undefined, credit: CREDIT, issued: [] } : undefined;
  }
  if (status === 403) return against(REFUSED);
  if (status === 404) return against(history.hasSucceeded ? MISDIALLED : REFUSED);
  if (status !== 401 && status !== 407) return undefined;
  const challenges = [...response.headers.all('www-authenticate'), ...response.headers.all('proxy-authenticate')];
  const issued = challenges.flatMap((challenge) => nonceOf(challenge) ?? []);
  const isStale = challenges.some((challenge) => /\bstale\s*=\s*"?true/i.test(challenge));
  const nonce = credentials === undefined ? undefined : nonceOf(credentials);
  // A nonce of before a restart is no guess at a password.
  if (nonce !== undefined && !isStale && history.hasIssued(nonce)) return { ...against(WRONG_PASSWORD), issued };
  const isStranger = !history.isReliable && !history.hasSucceeded;
  return { ...against(isStranger ? CHALLENGED_STRANGER : CHALLENGED), issued };
}

function against(offence: Offence): AnswerVerdict {
  return { offence, credit: 0, issued: [] };
}

function nonceOf(digest: string): string | undefined {
  return /\bnonce\s*=\s*"([^"]{1,256})"/i.exec(digest)?.[1];
}
