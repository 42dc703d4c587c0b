// What the DTLS handshake may agree on: cipher suites, signature schemes, SRTP profiles (RFC 5289, RFC 5246 §7.4.1.4.1, RFC 5764 §4.1.2, RFC 7714 §14.2).
import type { SrtpSuite } from '../rtp/srtp-suite.ts';
import type { PrfHash } from './key-schedule.ts';

export interface TlsSuite {
  readonly id: number;
  /** What the server's certificate must hold. */
  readonly keyType: 'ec' | 'rsa';
  readonly hash: PrfHash;
  /** Of AES-GCM. */
  readonly keyBytes: 16 | 32;
}

/** ECDHE and AES-GCM alone, the first that both have. Our own certificate is ECDSA: as a server the RSA ones are not ours to choose. */
export const TLS_SUITES: readonly TlsSuite[] = [
  { id: 0xc02c, keyType: 'ec', hash: 'sha384', keyBytes: 32 },
  { id: 0xc02b, keyType: 'ec', hash: 'sha256', keyBytes: 16 },
  { id: 0xc030, keyType: 'rsa', hash: 'sha384', keyBytes: 32 },
  { id: 0xc02f, keyType: 'rsa', hash: 'sha256', keyBytes: 16 },
];

export interface SignatureScheme {
  readonly id: number;
  readonly hash: 'sha256' | 'sha384' | 'sha512';
  readonly keyType: 'ec' | 'rsa';
  readonly isPss: boolean;
}

/** The first is ours to sign with. */
export const SIGNATURE_SCHEMES: readonly SignatureScheme[] = [
  { id: 0x0403, hash: 'sha256', keyType: 'ec', isPss: false },
  { id: 0x0503, hash: 'sha384', keyType: 'ec', isPss: false },
  { id: 0x0804, hash: 'sha256', keyType: 'rsa', isPss: true },
  { id: 0x0401, hash: 'sha256', keyType: 'rsa', isPss: false },
  { id: 0x0501, hash: 'sha384', keyType: 'rsa', isPss: false },
  { id: 0x0601, hash: 'sha512', keyType: 'rsa', isPss: false },
];

export const OWN_SCHEME = 0x0403;
/** P-256, which every WebRTC endpoint has (RFC 8827 §6.5). */
export const SECP256R1 = 23;

const SRTP_PROFILES: Readonly<Partial<Record<SrtpSuite, number>>> = {
  AEAD_AES_256_GCM: 0x0008,
  AEAD_AES_128_GCM: 0x0007,
  AES_CM_128_HMAC_SHA1_80: 0x0001,
  AES_CM_128_HMAC_SHA1_32: 0x0002,
};

/** Of those suites that DTLS-SRTP has a number for, in the same order. */
export function profilesOf(suites: readonly SrtpSuite[]): number[] {
  return suites.flatMap((suite) => SRTP_PROFILES[suite] ?? []);
}

export function suiteOfProfile(profile: number, suites: readonly SrtpSuite[]): SrtpSuite | undefined {
  return suites.find((suite) => SRTP_PROFILES[suite] === profile);
}
