// The two ways SRTP protects one packet whose index is known: AES-CM with HMAC-SHA1 (RFC 3711 §4), and AES-GCM (RFC 7714).
// Keys are KeyObjects, since raw ones are imported anew for each packet, and AES-CM draws its key stream from one lasting AES-ECB cipher (test/bench/audio-leg.ts).

import type { Cipheriv, KeyObject } from 'node:crypto';
import { createCipheriv, createDecipheriv, createHmac, createSecretKey, timingSafeEqual } from 'node:crypto';
import type { SessionKeys } from './srtp-keys.ts';
import type { SrtpSuite } from './suite.ts';
import { SUITES } from './suite.ts';

/** The largest packet that is protected or opened: more than an Ethernet frame carries. */
export const MAX_PACKET_BYTES = 1500;

/** `index` is the 48-bit packet index, ROC * 65536 + SEQ. Packets are changed in place. */
export interface SrtpTransform {
  readonly tagBytes: number;
  /** Whether the tag stands before the MKI. */
  readonly tagComesFirst: boolean;
  /** Encrypts what follows the header and appends the tag; the buffer has room for it. Returns the new length. */
  seal(packet: Uint8Array, headerBytes: number, length: number, ssrc: number, index: number): number;
  /** Checks `tag` first, then decrypts `packet[headerBytes..length)`. False: not authentic, nothing usable in `packet`. */
  open(packet: Uint8Array, headerBytes: number, length: number, tag: Uint8Array, ssrc: number, index: number): boolean;
}

export function createTransform(suite: SrtpSuite, keys: SessionKeys): SrtpTransform {
  return SUITES[suite].cipher === 'gcm' ? new GcmTransform(suite, keys) : new CounterTransform(suite, keys);
}

class CounterTransform implements SrtpTransform {
  readonly tagBytes: number;
  readonly tagComesFirst = false;
  readonly #keyStream: Cipheriv;
  readonly #authenticationKey: KeyObject;
  readonly #salt: Buffer;
  readonly #counters = Buffer.alloc(Math.ceil(MAX_PACKET_BYTES / 16) * 16);
  readonly #roc = Buffer.alloc(4);

  constructor(suite: SrtpSuite, keys: SessionKeys) {
    this.tagBytes = SUITES[suite].tagBytes;
    this.#salt = keys.salt;
    this.#authenticationKey = createSecretKey(keys.authentication);
    this.#keyStream = createCipheriv(
      keys.encryption.length === 32 ? 'aes-256-ecb' : 'aes-128-ecb',
      keys.encryption,
      null,
    );
    this.#keyStream.setAutoPadding(false);
  }

  seal(packet: Uint8Array, headerBytes: number, length: number, ssrc: number, index: number): number {
    this.#crypt(packet, headerBytes, length, ssrc, index);
    packet.set(this.#tag(packet, length, index), length);
    return length + this.tagBytes;
  }

  open(packet: Uint8Array, headerBytes: number, length: number, tag: Uint8Array, ssrc: number, index: number): boolean {
    if (!timingSafeEqual(this.#tag(packet, length, index), tag)) return false;
    this.#crypt(packet, headerBytes, length, ssrc, index);
    return true;
  }

  /** RFC 3711 §4.2: over the packet and the ROC. */
  #tag(packet: Uint8Array, length: number, index: number): Buffer {
    this.#roc.writeUInt32BE(Math.floor(index / 65536));
    const digest = createHmac('sha1', this.#authenticationKey)
      .update(packet.subarray(0, length))
      .update(this.#roc)
      .digest();
    return digest.subarray(0, this.tagBytes);
  }

  /** RFC 3711 §4.1.1: IV = (salt * 2^16) XOR (SSRC * 2^64) XOR (index * 2^16), one counter block for each 16 bytes. */
  #crypt(packet: Uint8Array, headerBytes: number, length: number, ssrc: number, index: number): void {
    const blocks = Math.ceil((length - headerBytes) / 16);
    if (blocks === 0) return;
    const counters = this.#counters;
    this.#salt.copy(counters);
    xorUint32(counters, 4, ssrc);
    xorUint32(counters, 8, Math.floor(index / 65536));
    counters[12] = (counters[12] ?? 0) ^ ((index >>> 8) & 0xff);
    counters[13] = (counters[13] ?? 0) ^ (index & 0xff);
    for (let block = 0; block < blocks; block++) {
      if (block > 0) counters.copyWithin(block * 16, 0, 14);
      counters.writeUInt16BE(block, block * 16 + 14);
    }
    const stream = this.#keyStream.update(counters.subarray(0, blocks * 16));
    for (let at = headerBytes; at < length; at++) packet[at] = (packet[at] ?? 0) ^ (stream[at - headerBytes] ?? 0);
  }
}

class GcmTransform implements SrtpTransform {
  readonly tagBytes: number;
  readonly tagComesFirst = true;
  readonly #name: 'aes-128-gcm' | 'aes-256-gcm';
  readonly #key: KeyObject;
  readonly #salt: Buffer;
  readonly #iv = Buffer.alloc(12);

  constructor(suite: SrtpSuite, keys: SessionKeys) {
    this.tagBytes = SUITES[suite].tagBytes;
    this.#name = keys.encryption.length === 32 ? 'aes-256-gcm' : 'aes-128-gcm';
    this.#key = createSecretKey(keys.encryption);
    this.#salt = keys.salt;
  }

  seal(packet: Uint8Array, headerBytes: number, length: number, ssrc: number, index: number): number {
    const cipher = createCipheriv(this.#name, this.#key, this.#nonce(ssrc, index));
    cipher.setAAD(packet.subarray(0, headerBytes));
    packet.set(cipher.update(packet.subarray(headerBytes, length)), headerBytes);
    cipher.final();
    packet.set(cipher.getAuthTag(), length);
    return length + this.tagBytes;
  }

  open(packet: Uint8Array, headerBytes: number, length: number, tag: Uint8Array, ssrc: number, index: number): boolean {
    const decipher = createDecipheriv(this.#name, this.#key, this.#nonce(ssrc, index), {
      authTagLength: this.tagBytes,
    });
    decipher.setAAD(packet.subarray(0, headerBytes));
    decipher.setAuthTag(tag);
    const plain = decipher.update(packet.subarray(headerBytes, length));
    try {
      decipher.final();
    } catch {
      return false;
    }
    packet.set(plain, headerBytes);
    return true;
  }

  /** RFC 7714 §8.1: two zero bytes, SSRC, ROC, SEQ, all XOR the salt. */
  #nonce(ssrc: number, index: number): Buffer {
    this.#salt.copy(this.#iv);
    xorUint32(this.#iv, 2, ssrc);
    xorUint32(this.#iv, 6, Math.floor(index / 65536));
    this.#iv[10] = (this.#iv[10] ?? 0) ^ ((index >>> 8) & 0xff);
    this.#iv[11] = (this.#iv[11] ?? 0) ^ (index & 0xff);
    return this.#iv;
  }
}

function xorUint32(bytes: Buffer, at: number, value: number): void {
  bytes.writeUInt32BE((bytes.readUInt32BE(at) ^ value) >>> 0, at);
}
