// SRTP key derivation: the AES-CM pseudo-random function with a key derivation rate of zero (RFC 3711 §4.3, RFC 6188 §3, RFC 7714 §11).
import type { KeyObject } from 'node:crypto';
import { createCipheriv, createSecretKey } from 'node:crypto';
import type { SrtpSuite } from './srtp-suite.ts';
import { SUITES } from './srtp-suite.ts';

/** RFC 3711 §4.3.2: labels of the session keys. */
const LABEL_ENCRYPTION = 0;
const LABEL_AUTHENTICATION = 1;
const LABEL_SALT = 2;
const SRTCP_LABEL_OFFSET = 3;
const AUTHENTICATION_KEY_BYTES = 20;
/** The derivation's salt is 14 bytes; a shorter master salt is filled with zeros on its right. */
const DERIVATION_SALT_BYTES = 14;

export interface SessionKeys {
  readonly encryption: Buffer;
  /** Empty for the AEAD suites. */
  readonly authentication: Buffer;
  readonly salt: Buffer;
}

/** Session keys for RTP from `master` (key, then salt). Throws when its length is not the suite's: a fault of ours. */
export function deriveSessionKeys(suite: SrtpSuite, master: Uint8Array): SessionKeys {
  return deriveKeys(suite, master, 0);
}

/** Session keys for RTCP: the same three labels, moved on by three (RFC 3711 §4.3.2). */
export function deriveSrtcpKeys(suite: SrtpSuite, master: Uint8Array): SessionKeys {
  return deriveKeys(suite, master, SRTCP_LABEL_OFFSET);
}

function deriveKeys(suite: SrtpSuite, master: Uint8Array, labels: number): SessionKeys {
  const { cipher, keyBytes, saltBytes } = SUITES[suite];
  if (master.length !== keyBytes + saltBytes) throw new Error('The SRTP master key has not the length of its suite.');
  // As a KeyObject: raw keys are looked into with exceptions, at 15 µs a cipher.
  const key = createSecretKey(master.subarray(0, keyBytes));
  const salt = Buffer.alloc(DERIVATION_SALT_BYTES);
  salt.set(master.subarray(keyBytes));
  const authenticationBytes = cipher === 'gcm' ? 0 : AUTHENTICATION_KEY_BYTES;
  return {
    encryption: derive(key, salt, labels + LABEL_ENCRYPTION, keyBytes),
    authentication: derive(key, salt, labels + LABEL_AUTHENTICATION, authenticationBytes),
    salt: derive(key, salt, labels + LABEL_SALT, saltBytes),
  };
}

/** RFC 3711 §4.3.1 and §4.3.3: `bytes` of key stream from IV = (key_id XOR salt) * 2^16. */
function derive(key: KeyObject, salt: Buffer, label: number, bytes: number): Buffer {
  const iv = Buffer.alloc(16);
  salt.copy(iv);
  iv[7] = (iv[7] ?? 0) ^ label;
  const cipher = createCipheriv(key.symmetricKeySize === 32 ? 'aes-256-ctr' : 'aes-128-ctr', key, iv);
  return cipher.update(Buffer.alloc(bytes));
}
