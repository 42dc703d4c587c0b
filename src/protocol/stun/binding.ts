// STUN Binding as a SIP server answers it for keep-alives on UDP (RFC 5389 §7.3, §15; RFC 5626 §8): pure bytes in and out.
import { Buffer } from 'node:buffer';
import { formatStun, formatXorAddress, parseStun, StunAttribute, StunType } from './message.ts';

export { isStun } from './message.ts';

export interface BindingRequest {
  /** 12 bytes. */
  readonly transactionId: Uint8Array;
  /** Attributes that must be understood and are not: the answer is then 420 (§7.3.1). */
  readonly unknown: readonly number[];
  readonly hasFingerprint: boolean;
}

/** What RFC 5389 §18.2 names below 0x8000; a server that asks for no credentials passes over them. */
const UNDERSTOOD = new Set([0x0001, 0x0006, 0x0008, 0x0009, 0x000a, 0x0014, 0x0015, 0x0020]);

/** The Binding request in a datagram; undefined for anything else, and for what is broken. */
export function parseBindingRequest(bytes: Uint8Array): BindingRequest | undefined {
  const message = parseStun(bytes);
  if (message === undefined || message.type !== StunType.request) return undefined;
  const { transactionId, hasFingerprint, attributes } = message;
  const unknown = [...attributes.keys()].filter((type) => type < 0x8000 && !UNDERSTOOD.has(type));
  return { transactionId, unknown, hasFingerprint };
}

/** The answer: where the request came from, or 420 when it asks for what is not understood. */
export function formatBindingResponse(request: BindingRequest, source: { host: string; port: number }): Buffer {
  const { transactionId, unknown, hasFingerprint } = request;
  if (unknown.length === 0) {
    const address = formatXorAddress(source, transactionId);
    return formatStun(StunType.success, transactionId, [[StunAttribute.xorMappedAddress, address]], { hasFingerprint });
  }
  const types = Buffer.alloc(unknown.length * 2);
  for (const [index, type] of unknown.entries()) types.writeUInt16BE(type, index * 2);
  const code = errorCode(420, 'Unknown Attribute');
  return formatStun(
    StunType.error,
    transactionId,
    [
      [StunAttribute.errorCode, code],
      [StunAttribute.unknownAttributes, types],
    ],
    { hasFingerprint },
  );
}

/** §15.6. */
export function errorCode(code: number, reason: string): Buffer {
  return Buffer.concat([Buffer.of(0, 0, Math.floor(code / 100), code % 100), Buffer.from(reason)]);
}
