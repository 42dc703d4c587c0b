// STUN messages (RFC 5389 §6, §15): attributes in and out, the fingerprint, and integrity by a short-term password; pure bytes.
import { Buffer } from 'node:buffer';
import { createHmac, timingSafeEqual } from 'node:crypto';
import { crc32 } from 'node:zlib';

export const StunType = { request: 0x0001, success: 0x0101, error: 0x0111 } as const;

export const StunAttribute = {
  username: 0x0006,
  messageIntegrity: 0x0008,
  errorCode: 0x0009,
  unknownAttributes: 0x000a,
  xorMappedAddress: 0x0020,
  /** RFC 8445 §16.1. */
  priority: 0x0024,
  useCandidate: 0x0025,
  fingerprint: 0x8028,
  iceControlled: 0x8029,
  iceControlling: 0x802a,
} as const;

export interface StunMessage {
  readonly type: number;
  /** 12 bytes. */
  readonly transactionId: Buffer;
  /** Of each kind the first; what follows MESSAGE-INTEGRITY does not count (§15.4). */
  readonly attributes: ReadonlyMap<number, Buffer>;
  readonly hasFingerprint: boolean;
  /** Where MESSAGE-INTEGRITY stands. */
  readonly integrityAt: number | undefined;
}

const COOKIE = 0x2112a442;
const HEADER_BYTES = 20;
const FINGERPRINT_XOR = 0x5354554e;
const INTEGRITY_BYTES = 20;
/** Of the attribute as a whole. */
const FINGERPRINT_BYTES = 8;
/** Attributes of one message that are looked at. */
const MAX_ATTRIBUTES = 32;

/** Its first two bits are zero, which nothing else on a SIP or media port begins with, and the cookie is there. */
export function isStun(bytes: Uint8Array): boolean {
  return bytes.length >= HEADER_BYTES && ((bytes[0] ?? 255) & 0xc0) === 0 && asBuffer(bytes).readUInt32BE(4) === COOKIE;
}

/** The message in a datagram; undefined for anything else, and for what is broken. */
export function parseStun(bytes: Uint8Array): StunMessage | undefined {
  const buffer = asBuffer(bytes);
  if (!isStun(bytes) || buffer.readUInt16BE(2) !== buffer.length - HEADER_BYTES || buffer.length % 4 !== 0) {
    return undefined;
  }
  const attributes = new Map<number, Buffer>();
  let hasFingerprint = false;
  let integrityAt: number | undefined;
  let seen = 0;
  for (let at = HEADER_BYTES; at < buffer.length; ) {
    const [type, length] = [buffer.readUInt16BE(at), buffer.readUInt16BE(at + 2)];
    const end = at + 4 + length;
    seen += 1;
    if (end > buffer.length || seen > MAX_ATTRIBUTES) return undefined;
    if (type === StunAttribute.fingerprint) {
      if (!isLastAndRight(buffer, at, end)) return undefined;
      hasFingerprint = true;
    } else if (integrityAt === undefined) {
      if (type === StunAttribute.messageIntegrity) integrityAt = at;
      if (!attributes.has(type)) attributes.set(type, buffer.subarray(at + 4, end));
    }
    at = end + ((4 - (length % 4)) % 4);
  }
  const [type, transactionId] = [buffer.readUInt16BE(0), buffer.subarray(8, HEADER_BYTES)];
  return { type, transactionId, attributes, hasFingerprint, integrityAt };
}

/** §15.5: the fingerprint is the last attribute, and it is right. */
function isLastAndRight(buffer: Buffer, at: number, end: number): boolean {
  return (
    end === buffer.length &&
    end - at === FINGERPRINT_BYTES &&
    buffer.readUInt32BE(at + 4) === fingerprintOf(buffer.subarray(0, at))
  );
}

/** §15.4: whether whoever wrote `bytes` knows the password. */
export function isAuthentic(bytes: Uint8Array, message: StunMessage, password: string): boolean {
  const { integrityAt } = message;
  const given = message.attributes.get(StunAttribute.messageIntegrity);
  if (integrityAt === undefined || given?.length !== INTEGRITY_BYTES) return false;
  return timingSafeEqual(integrityOf(asBuffer(bytes).subarray(0, integrityAt), password), given);
}

/** A message; with a password it is signed, and marked with a fingerprint when asked to. */
export function formatStun(
  type: number,
  transactionId: Uint8Array,
  attributes: ReadonlyArray<readonly [type: number, value: Uint8Array]>,
  marks: { readonly password?: string; readonly hasFingerprint?: boolean } = {},
): Buffer {
  const header = Buffer.alloc(8);
  header.writeUInt16BE(type);
  header.writeUInt32BE(COOKIE, 4);
  const body = attributes.map(([attribute, value]) => formatAttribute(attribute, value));
  let message = Buffer.concat([header, transactionId, ...body]);
  message.writeUInt16BE(message.length - HEADER_BYTES, 2);
  if (marks.password !== undefined) {
    const integrity = integrityOf(message, marks.password);
    message = Buffer.concat([message, formatAttribute(StunAttribute.messageIntegrity, integrity)]);
  }
  if (marks.hasFingerprint !== true) return withLength(message, message.length - HEADER_BYTES);
  withLength(message, message.length - HEADER_BYTES + FINGERPRINT_BYTES);
  const mark = Buffer.alloc(4);
  mark.writeUInt32BE(fingerprintOf(message));
  return Buffer.concat([message, formatAttribute(StunAttribute.fingerprint, mark)]);
}

/** §15.2: port and address, each xored with the cookie and, for IPv6, the transaction id. */
export function formatXorAddress({ host, port }: { host: string; port: number }, transactionId: Uint8Array): Buffer {
  const isV6 = host.includes(':');
  const address = isV6 ? bytesOfIpv6(host) : Buffer.from(host.split('.').map(Number));
  const mask = Buffer.alloc(4);
  mask.writeUInt32BE(COOKIE);
  const key = Buffer.concat([mask, transactionId]);
  const value = Buffer.alloc(4 + address.length);
  value[1] = isV6 ? 2 : 1;
  value.writeUInt16BE(port ^ (COOKIE >>> 16), 2);
  for (const [index, byte] of address.entries()) value[4 + index] = byte ^ (key[index] ?? 0);
  return value;
}

function formatAttribute(type: number, value: Uint8Array): Buffer {
  const attribute = Buffer.alloc(4 + Math.ceil(value.length / 4) * 4);
  attribute.writeUInt16BE(type);
  attribute.writeUInt16BE(value.length, 2);
  attribute.set(value, 4);
  return attribute;
}

/** Over what stands before the attribute, with a length that counts the attribute already. */
function integrityOf(before: Buffer, password: string): Buffer {
  const counted = withLength(Buffer.from(before), before.length - HEADER_BYTES + 4 + INTEGRITY_BYTES);
  return createHmac('sha1', password).update(counted).digest();
}

/** §15.5: over the message up to the attribute, whose own 8 bytes its length counts already. */
function fingerprintOf(message: Buffer): number {
  return (crc32(message) ^ FINGERPRINT_XOR) >>> 0;
}

function withLength(message: Buffer, length: number): Buffer {
  message.writeUInt16BE(length, 2);
  return message;
}

/** `2001:db8::1` as 16 bytes; also with an IPv4 address at its end. */
function bytesOfIpv6(host: string): Buffer {
  const plain = host.replace(/%.*$/, '').replace(/(\d+)\.(\d+)\.(\d+)\.(\d+)$/, (_, ...parts: string[]) => {
    const [a = 0, b = 0, c = 0, d = 0] = parts.slice(0, 4).map(Number);
    return `${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`;
  });
  const [head = '', tail] = plain.split('::');
  const left = head === '' ? [] : head.split(':');
  const right = tail === undefined || tail === '' ? [] : tail.split(':');
  const groups =
    tail === undefined ? left : [...left, ...Array(Math.max(0, 8 - left.length - right.length)).fill('0'), ...right];
  const bytes = Buffer.alloc(16);
  for (const [index, group] of groups.slice(0, 8).entries())
    bytes.writeUInt16BE(Number.parseInt(group, 16) & 0xffff, index * 2);
  return bytes;
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
