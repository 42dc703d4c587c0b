// A self-signed certificate for DTLS-SRTP: X.509 v1 with the least that RFC 5280 §4.1 asks for, since only its fingerprint is looked at (RFC 8122).
import { createHash, generateKeyPairSync, sign } from 'node:crypto';
import type { DtlsIdentity } from './handshake.ts';

const DAY_MS = 86_400_000;
const LIFETIME_DAYS = 3_650;
const SEQUENCE = 0x30;
const SET = 0x31;
/** 1.2.840.10045.4.3.2, ecdsa-with-SHA256 */
const ECDSA_SHA256 = der(SEQUENCE, Buffer.from('06082a8648ce3d040302', 'hex'));
/** 2.5.4.3, commonName */
const COMMON_NAME = Buffer.from('0603550403', 'hex');

/** Valid from a day before `now`, for ten years. `serial`: 8 bytes. */
export function createDtlsIdentity(now: number, serial: Uint8Array): DtlsIdentity {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
  const name = der(SEQUENCE, der(SET, der(SEQUENCE, COMMON_NAME, der(0x0c, Buffer.from('media')))));
  const until = der(SEQUENCE, time(now - DAY_MS), time(now + LIFETIME_DAYS * DAY_MS));
  const number = der(0x02, Buffer.concat([Buffer.of(1), serial]));
  const body = der(
    SEQUENCE,
    number,
    ECDSA_SHA256,
    name,
    until,
    name,
    publicKey.export({ type: 'spki', format: 'der' }),
  );
  const signature = der(0x03, Buffer.of(0), sign('sha256', body, privateKey));
  return {
    certificate: new Uint8Array(der(SEQUENCE, body, ECDSA_SHA256, signature)),
    privateKey: new Uint8Array(privateKey.export({ type: 'pkcs8', format: 'der' })),
  };
}

/** SHA-256 of a certificate, as `a=fingerprint` carries it. */
export function fingerprintOf(certificate: Uint8Array): Uint8Array {
  return new Uint8Array(createHash('sha256').update(certificate).digest());
}

function der(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(parts);
  const { length } = body;
  const head =
    length < 0x80 ? [tag, length] : length < 0x100 ? [tag, 0x81, length] : [tag, 0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from(head), body]);
}

/** UTCTime until 2049, GeneralizedTime from 2050 (RFC 5280 §4.1.2.5). */
function time(ms: number): Buffer {
  const digits = `${new Date(ms).toISOString().replace(/[-:T]/g, '').slice(0, 14)}Z`;
  return Number(digits.slice(0, 4)) < 2050 ? der(0x17, Buffer.from(digits.slice(2))) : der(0x18, Buffer.from(digits));
}
