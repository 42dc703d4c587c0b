// STUN Binding as a SIP server answers it for keep-alives on UDP (RFC 5389 §6, §7.3, §15; RFC 5626 §8): pure bytes in and out.
import { Buffer } from 'node:buffer';
import { crc32 } from 'node:zlib';

export interface BindingRequest {
  /** 12 bytes. */
  readonly transactionId: Uint8Array;
  /** Attributes that must be understood and are not: the answer is then 420 (§7.3.1). */
  readonly unknown: readonly number[];
  readonly hasFingerprint: boolean;
}

const COOKIE = 0x2112a442;
const HEADER_BYTES = 20;
const BINDING_REQUEST = 0x0001;
const BINDING_SUCCESS = 0x0101;
const BINDING_ERROR = 0x0111;
const ERROR_CODE = 0x0009;
const UNKNOWN_ATTRIBUTES = 0x000a;
const XOR_MAPPED_ADDRESS = 0x0020;
const FINGERPRINT = 0x8028;
const FINGERPRINT_XOR = 0x5354554e;
/** What RFC 5389 §18.2 names below 0x8000; a server that asks for no credentials passes over them. */
const UNDERSTOOD = new Set([
  0x0001,
  0x0006,
  0x0008,
  ERROR_CODE,
  UNKNOWN_ATTRIBUTES,
  0x0014,
  0x0015,
  XOR_MAPPED_ADDRESS,
]);
/** Attributes of one message that are looked at. */
const MAX_ATTRIBUTES = 32;

/** Whether a datagram on a SIP socket is STUN: its first two bits are zero, which no SIP message begins with. */
export function isStun(bytes: Uint8Array): boolean {
  return bytes.length >= HEADER_BYTES && ((bytes[0] ?? 255) & 0xc0) === 0 && asBuffer(bytes).readUInt32BE(4) === COOKIE;
}

/** The Binding request in a datagram; undefined for anything else, and for what is broken. */
export function parseBindingRequest(bytes: Uint8Array): BindingRequest | undefined {
  const buffer = asBuffer(bytes);
  if (!isStun(bytes) || buffer.readUInt16BE(0) !== BINDING_REQUEST) return undefined;
  if (buffer.readUInt16BE(2) !== buffer.length - HEADER_BYTES || buffer.length % 4 !== 0) return undefined;
  const unknown: number[] = [];
  let hasFingerprint = false;
  let seen = 0;
  for (let at = HEADER_BYTES; at < buffer.length; ) {
    const type = buffer.readUInt16BE(at);
    const length = buffer.readUInt16BE(at + 2);
    const end = at + 4 + length;
    seen += 1;
    if (end > buffer.length || seen > MAX_ATTRIBUTES) return undefined;
    if (type === FINGERPRINT) {
      // §15.5: it is the last one, and it is right.
      if (
        end !== buffer.length ||
        length !== 4 ||
        buffer.readUInt32BE(at + 4) !== fingerprintOf(buffer.subarray(0, at))
      )
        return undefined;
      hasFingerprint = true;
    } else if (type < 0x8000 && !UNDERSTOOD.has(type)) unknown.push(type);
    at = end + ((4 - (length % 4)) % 4);
  }
  return { transactionId: buffer.subarray(8, HEADER_BYTES), unknown, hasFingerprint };
}

/** The answer: where the request came from, or 420 when it asks for what is not understood. */
export function formatBindingResponse(request: BindingRequest, source: { host: string; port: number }): Buffer {
  if (request.unknown.length === 0) {
    const address = formatXorAddress(source, request.transactionId);
    return formatMessage(BINDING_SUCCESS, request, [[XOR_MAPPED_ADDRESS, address]]);
  }
  const code = Buffer.concat([Buffer.from([0, 0, 4, 20]), Buffer.from('Unknown Attribute')]);
  const types = Buffer.alloc(request.unknown.length * 2);
  for (const [index, type] of request.unknown.entries()) types.writeUInt16BE(type, index * 2);
  return formatMessage(BINDING_ERROR, request, [
    [ERROR_CODE, code],
    [UNKNOWN_ATTRIBUTES, types],
  ]);
}

/** §15.2: port and address, each xored with the cookie and, for IPv6, the transaction id. */
function formatXorAddress({ host, port }: { host: string; port: number }, transactionId: Uint8Array): Buffer {
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

function formatMessage(type: number, request: BindingRequest, attributes: ReadonlyArray<[number, Buffer]>): Buffer {
  const parts = attributes.map(([attribute, value]) => formatAttribute(attribute, value));
  const body = Buffer.concat(parts);
  const header = Buffer.alloc(8);
  header.writeUInt16BE(type);
  header.writeUInt16BE(body.length + (request.hasFingerprint ? 8 : 0), 2);
  header.writeUInt32BE(COOKIE, 4);
  const message = Buffer.concat([header, request.transactionId, body]);
  if (!request.hasFingerprint) return message;
  const mark = Buffer.alloc(4);
  mark.writeUInt32BE(fingerprintOf(message));
  return Buffer.concat([message, formatAttribute(FINGERPRINT, mark)]);
}

function formatAttribute(type: number, value: Buffer): Buffer {
  const attribute = Buffer.alloc(4 + Math.ceil(value.length / 4) * 4);
  attribute.writeUInt16BE(type);
  attribute.writeUInt16BE(value.length, 2);
  value.copy(attribute, 4);
  return attribute;
}

/** §15.5: over the message up to the attribute, whose own 8 bytes its length counts already. */
function fingerprintOf(message: Buffer): number {
  return (crc32(message) ^ FINGERPRINT_XOR) >>> 0;
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
