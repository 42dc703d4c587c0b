// What a leg's keys may be, in FreeSWITCH's words (`rtp_secure_media`) and in ours: `<word>[:SUITE[:SUITE…]]`.
import type { SrtpSuite } from '../rtp/srtp-suite.ts';
import { findSuite, PREFERRED_SUITES } from '../rtp/srtp-suite.ts';
import type { SecurePolicy } from './audio.ts';

export interface KeyPolicy {
  readonly secure: SecurePolicy;
  /** Allowed, and offered in this order. */
  readonly suites: readonly SrtpSuite[];
  /** Who decides when an offer has several: FreeSWITCH takes the offerer's first. */
  readonly order: 'theirs' | 'ours';
}

export const DEFAULT_POLICY: KeyPolicy = { secure: 'optional', suites: PREFERRED_SUITES, order: 'theirs' };

/** FreeSWITCH's words leave the order to the offerer, as it does; ours keep it. */
const WORDS: Readonly<Record<string, Pick<KeyPolicy, 'secure' | 'order'>>> = {
  mandatory: { secure: 'required', order: 'theirs' },
  true: { secure: 'required', order: 'theirs' },
  optional: { secure: 'optional', order: 'theirs' },
  forbidden: { secure: 'forbidden', order: 'theirs' },
  false: { secure: 'forbidden', order: 'theirs' },
  required: { secure: 'required', order: 'ours' },
  preferred: { secure: 'preferred', order: 'ours' },
};

/**
 * The policy of `text`; `suites`, colons between, when the text names none itself. Suites that are unknown are left out, and when none
 * is left nothing secure can be agreed. Undefined: no such word.
 */
export function parseKeyPolicy(text: string, suites = ''): KeyPolicy | undefined {
  const [word = '', ...named] = text.trim().split(':');
  const meaning = Object.hasOwn(WORDS, word.toLowerCase()) ? WORDS[word.toLowerCase()] : undefined;
  if (meaning === undefined) return undefined;
  const names = (named.length > 0 ? named : suites.split(':')).filter((name) => name.trim() !== '');
  const list = names.length === 0 ? PREFERRED_SUITES : names.flatMap((name) => findSuite(name.trim()) ?? []);
  return { ...meaning, suites: [...new Set(list)] };
}
