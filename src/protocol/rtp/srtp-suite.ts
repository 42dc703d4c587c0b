// SRTP protection suites by their SDES names, with the sizes that each one needs (RFC 4568 §6.2, RFC 6188, RFC 7714 §14.2).

export type SrtpSuite =
  | 'AEAD_AES_256_GCM'
  | 'AEAD_AES_128_GCM'
  | 'AES_256_CM_HMAC_SHA1_80'
  | 'AES_CM_128_HMAC_SHA1_80'
  | 'AES_CM_128_HMAC_SHA1_32';

export interface SuiteShape {
  readonly cipher: 'counter' | 'gcm';
  /** Bytes of the master key and of each session encryption key. */
  readonly keyBytes: number;
  /** Bytes of the master salt. */
  readonly saltBytes: number;
  /** Bytes of the authentication tag on an RTP packet. */
  readonly tagBytes: number;
}

export const SUITES: Readonly<Record<SrtpSuite, SuiteShape>> = {
  AEAD_AES_256_GCM: { cipher: 'gcm', keyBytes: 32, saltBytes: 12, tagBytes: 16 },
  AEAD_AES_128_GCM: { cipher: 'gcm', keyBytes: 16, saltBytes: 12, tagBytes: 16 },
  AES_256_CM_HMAC_SHA1_80: { cipher: 'counter', keyBytes: 32, saltBytes: 14, tagBytes: 10 },
  AES_CM_128_HMAC_SHA1_80: { cipher: 'counter', keyBytes: 16, saltBytes: 14, tagBytes: 10 },
  AES_CM_128_HMAC_SHA1_32: { cipher: 'counter', keyBytes: 16, saltBytes: 14, tagBytes: 4 },
};

export interface SrtpKey {
  /** Master key followed by master salt. */
  readonly master: Uint8Array;
  /** Bytes of the MKI that this side's packets carry; 0 for none. */
  readonly mkiBytes: number;
}

export interface SrtpSession {
  readonly suite: SrtpSuite;
  /** Ours, for what we send. */
  readonly local: SrtpKey;
  /** Theirs, for what we receive. */
  readonly remote: SrtpKey;
}

/** What we offer, best first, and accept unless told otherwise. The 32-bit tag is only for who asks for it by name. */
export const PREFERRED_SUITES: readonly SrtpSuite[] = [
  'AEAD_AES_256_GCM',
  'AEAD_AES_128_GCM',
  'AES_256_CM_HMAC_SHA1_80',
  'AES_CM_128_HMAC_SHA1_80',
];

/** Other spellings seen in offers; the answer repeats the spelling that came. */
const ALIASES: Readonly<Record<string, SrtpSuite>> = { AES_CM_256_HMAC_SHA1_80: 'AES_256_CM_HMAC_SHA1_80' };

/** The suite that an SDP names, or undefined when we do not speak it. */
export function findSuite(name: string): SrtpSuite | undefined {
  return Object.hasOwn(SUITES, name) ? (name as SrtpSuite) : Object.hasOwn(ALIASES, name) ? ALIASES[name] : undefined;
}

/** Bytes of key and salt together, as carried by `inline:`. */
export function masterBytes(suite: SrtpSuite): number {
  return SUITES[suite].keyBytes + SUITES[suite].saltBytes;
}
