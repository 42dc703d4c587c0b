// The two ways SRTP protects one packet whose index is known: AES-CM with HMAC-SHA1 (RFC 3711 §4), and AES-GCM (RFC 7714).
// Both draw their key stream from one lasting AES-ECB cipher: to make a cipher for a packet costs more than to use it (decisions/srtp-ciphers.md).

import type { Cipheriv, KeyObject } from 'node:crypto';
import { createCipheriv, createHmac, createSecretKey, timingSafeEqual } from 'node:crypto';
import { ghash } from './ghash.ts';
import type { SessionKeys } from './srtp-keys.ts';
import type { SrtpSuite } from './srtp-suite.ts';
import { SUITES } from './srtp-suite.ts';

/** The largest packet that is protected or opened: more than an Ethernet frame carries. */
export const MAX_PACKET_BYTES = 1500;
const BLOCK_BYTES = 16;
/** Key stream drawn at once: sixteen packets of 20 ms of G.711, or one that is as large as any. */
const STREAM_BYTES = 16 * 11 * BLOCK_BYTES;
/** The counters that it is drawn from, which are of use for no longer than that takes: one array serves all. */
const COUNTERS = new Uint8Array(STREAM_BYTES);
const COUNTER_WORDS = new DataView(COUNTERS.buffer);

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
    this.#keyStream = blockCipher(keys.encryption);
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

/**
 * GCM out of its parts (NIST SP 800-38D §7): a key stream of counter blocks, and GHASH over header and encrypted text. A packet's nonce is
 * known before it comes, so the stream is drawn for some packets at once: 1.5 µs a packet where a cipher object for each takes 5 to 6.
 */
class GcmTransform implements SrtpTransform {
  readonly tagBytes: number;
  readonly tagComesFirst = true;
  readonly #stream: CounterStream;
  /** What GHASH multiplies by: the cipher of zeros. */
  readonly #h: Buffer;
  readonly #tag: Buffer;

  constructor(suite: SrtpSuite, keys: SessionKeys) {
    this.tagBytes = SUITES[suite].tagBytes;
    const cipher = blockCipher(keys.encryption);
    this.#h = cipher.update(Buffer.alloc(BLOCK_BYTES));
    this.#stream = new CounterStream(cipher, keys.salt);
    this.#tag = Buffer.alloc(this.tagBytes);
  }

  seal(packet: Uint8Array, headerBytes: number, length: number, ssrc: number, index: number): number {
    const at = this.#stream.find(ssrc, index, length - headerBytes);
    this.#crypt(packet, headerBytes, length, at);
    packet.set(this.#authenticate(packet, headerBytes, length, at), length);
    return length + this.tagBytes;
  }

  open(packet: Uint8Array, headerBytes: number, length: number, tag: Uint8Array, ssrc: number, index: number): boolean {
    const at = this.#stream.find(ssrc, index, length - headerBytes);
    if (!timingSafeEqual(this.#authenticate(packet, headerBytes, length, at), tag)) return false;
    this.#crypt(packet, headerBytes, length, at);
    return true;
  }

  /** §7.1: the first block of the stream hides the hash. */
  #authenticate(packet: Uint8Array, headerBytes: number, length: number, at: number): Buffer {
    const hash = ghash(this.#h, packet, headerBytes, length);
    const { bytes } = this.#stream;
    for (let i = 0; i < this.#tag.length; i++) this.#tag[i] = (hash[i] ?? 0) ^ (bytes[at + i] ?? 0);
    return this.#tag;
  }

  #crypt(packet: Uint8Array, headerBytes: number, length: number, at: number): void {
    const { bytes } = this.#stream;
    const from = at + BLOCK_BYTES - headerBytes;
    for (let i = headerBytes; i < length; i++) packet[i] = (packet[i] ?? 0) ^ (bytes[from + i] ?? 0);
  }
}

/** The key streams of the packets that come next, for one direction. */
class CounterStream {
  /** Of several packets in a row; what belongs to one begins where `find` says. */
  bytes: Uint8Array = new Uint8Array(0);
  readonly #cipher: Cipheriv;
  readonly #salt: readonly [number, number, number];
  #ssrc = -1;
  #first = -1;
  #packets = 0;
  #packetBytes = 0;

  constructor(cipher: Cipheriv, salt: Buffer) {
    this.#cipher = cipher;
    this.#salt = [salt.readUInt32BE(0), salt.readUInt32BE(4), salt.readUInt32BE(8)];
  }

  /** Where the stream of that packet begins: a block for its tag, then one for each 16 bytes of its text. */
  find(ssrc: number, index: number, textBytes: number): number {
    const needed = BLOCK_BYTES * (1 + Math.ceil(textBytes / BLOCK_BYTES));
    const ahead = index - this.#first;
    if (ssrc === this.#ssrc && ahead >= 0 && ahead < this.#packets && needed <= this.#packetBytes) {
      return ahead * this.#packetBytes;
    }
    this.#draw(ssrc, index, needed);
    return 0;
  }

  #draw(ssrc: number, first: number, packetBytes: number): void {
    this.#ssrc = ssrc;
    this.#first = first;
    this.#packetBytes = packetBytes;
    this.#packets = Math.max(1, Math.floor(STREAM_BYTES / packetBytes));
    for (let packet = 0; packet < this.#packets; packet++) this.#putCounters(packet, ssrc, first + packet);
    this.bytes = this.#cipher.update(COUNTERS.subarray(0, this.#packets * packetBytes));
  }

  /** RFC 7714 §8.1: two zero bytes, SSRC, ROC, SEQ, all XOR the salt; then the number of the block, from 1. */
  #putCounters(packet: number, ssrc: number, index: number): void {
    const [roc, sequence] = [Math.floor(index / 65536), index & 0xffff];
    const first = this.#salt[0] ^ (ssrc >>> 16);
    const second = this.#salt[1] ^ (ssrc << 16) ^ (roc >>> 16);
    const third = this.#salt[2] ^ (roc << 16) ^ sequence;
    const start = packet * this.#packetBytes;
    for (let at = 0; at < this.#packetBytes; at += BLOCK_BYTES) {
      COUNTER_WORDS.setUint32(start + at, first);
      COUNTER_WORDS.setUint32(start + at + 4, second);
      COUNTER_WORDS.setUint32(start + at + 8, third);
      COUNTER_WORDS.setUint32(start + at + 12, at / BLOCK_BYTES + 1);
    }
  }
}

/** One AES that lasts, block by block: what both modes draw their key stream from. */
function blockCipher(key: Buffer): Cipheriv {
  const cipher = createCipheriv(key.length === 32 ? 'aes-256-ecb' : 'aes-128-ecb', createSecretKey(key), null);
  cipher.setAutoPadding(false);
  return cipher;
}

function xorUint32(bytes: Buffer, at: number, value: number): void {
  bytes.writeUInt32BE((bytes.readUInt32BE(at) ^ value) >>> 0, at);
}
