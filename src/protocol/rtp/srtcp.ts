// SRTCP: RTCP sealed with the session's own keys and a 31-bit index of its own (RFC 3711 §3.4, RFC 7714 §9).
import type { KeyObject } from 'node:crypto';
import { createCipheriv, createDecipheriv, createHmac, createSecretKey, timingSafeEqual } from 'node:crypto';
import { ReplayWindows } from './replay-window.ts';
import type { SessionKeys } from './srtp-keys.ts';
import { deriveSrtcpKeys } from './srtp-keys.ts';
import type { SrtpSuite } from './srtp-suite.ts';
import { SUITES } from './srtp-suite.ts';

/** What stays in the clear: the first header and the sender's SSRC. */
const CLEAR_BYTES = 8;
const INDEX_BYTES = 4;
/** RFC 4568 §6.2: 80 bits with either tag length of RTP. */
const HMAC_TAG_BYTES = 10;
const GCM_TAG_BYTES = 16;
const ENCRYPTED = 0x80000000;
const INDEX_MODULUS = 2 ** 31;
const REPLAY_WINDOW = 64;
const MAX_BYTES = 1500;

/** A packet's parts, whatever the suite orders them like on the wire. */
interface Sealed {
  readonly body: Buffer;
  readonly tag: Buffer;
}

/** One direction, with its session keys. */
export class SrtcpCipher {
  readonly isGcm: boolean;
  readonly tagBytes: number;
  readonly #key: KeyObject;
  readonly #authenticationKey: KeyObject;
  readonly #salt: Buffer;
  readonly #bits: 128 | 256;

  constructor(suite: SrtpSuite, keys: SessionKeys) {
    this.isGcm = SUITES[suite].cipher === 'gcm';
    this.tagBytes = this.isGcm ? GCM_TAG_BYTES : HMAC_TAG_BYTES;
    this.#key = createSecretKey(keys.encryption);
    this.#authenticationKey = createSecretKey(keys.authentication);
    this.#salt = keys.salt;
    this.#bits = keys.encryption.length === 32 ? 256 : 128;
  }

  seal(clear: Buffer, plain: Buffer, index: number): Sealed {
    const word = indexWord(index);
    if (!this.isGcm) {
      const body = this.#counterMode(clear, plain, index);
      return { body, tag: this.#hmac([clear, body, word]) };
    }
    const cipher = createCipheriv(`aes-${this.#bits}-gcm`, this.#key, this.#iv(clear, index, 12));
    cipher.setAAD(Buffer.concat([clear, word]));
    const body = Buffer.concat([cipher.update(plain), cipher.final()]);
    return { body, tag: cipher.getAuthTag() };
  }

  /** The plain text, or undefined: not authentic. */
  open(clear: Buffer, { body, tag }: Sealed, index: number): Buffer | undefined {
    const word = indexWord(index);
    if (!this.isGcm) {
      return timingSafeEqual(this.#hmac([clear, body, word]), tag) ? this.#counterMode(clear, body, index) : undefined;
    }
    const options = { authTagLength: GCM_TAG_BYTES };
    const decipher = createDecipheriv(`aes-${this.#bits}-gcm`, this.#key, this.#iv(clear, index, 12), options);
    decipher.setAAD(Buffer.concat([clear, word]));
    decipher.setAuthTag(tag);
    try {
      return Buffer.concat([decipher.update(body), decipher.final()]);
    } catch {
      return undefined;
    }
  }

  #counterMode(clear: Buffer, text: Buffer, index: number): Buffer {
    return createCipheriv(`aes-${this.#bits}-ctr`, this.#key, this.#iv(clear, index, 16)).update(text);
  }

  #hmac(parts: readonly Buffer[]): Buffer {
    const hmac = createHmac('sha1', this.#authenticationKey);
    for (const part of parts) hmac.update(part);
    return hmac.digest().subarray(0, HMAC_TAG_BYTES);
  }

  /** RFC 3711 §4.1.1 for 16 bytes, RFC 7714 §9.1 for 12: the salt, with the SSRC and the index laid over it. */
  #iv(clear: Buffer, index: number, bytes: 12 | 16): Buffer {
    const iv = Buffer.alloc(bytes);
    this.#salt.copy(iv);
    const [ssrcAt, indexAt] = bytes === 12 ? [2, 8] : [4, 10];
    iv.writeUInt32BE((iv.readUInt32BE(ssrcAt) ^ clear.readUInt32BE(4)) >>> 0, ssrcAt);
    iv.writeUInt32BE((iv.readUInt32BE(indexAt) ^ index) >>> 0, indexAt);
    return iv;
  }
}

/** Our side; one for one master key, as with RTP. */
export class SrtcpSender {
  readonly #cipher: SrtcpCipher;
  #index: number;

  /** `index`: of the first packet. */
  constructor(suite: SrtpSuite, master: Uint8Array, index = 0) {
    this.#index = index;
    this.#cipher = new SrtcpCipher(suite, deriveSrtcpKeys(suite, master));
  }

  /** The sealed packet; empty once the key has served as many as it may (RFC 3711 §9.2). */
  protect(packet: Uint8Array): Buffer {
    if (this.#index >= INDEX_MODULUS) return Buffer.alloc(0);
    const all = Buffer.from(packet.buffer, packet.byteOffset, packet.length);
    const clear = all.subarray(0, CLEAR_BYTES);
    const { body, tag } = this.#cipher.seal(clear, all.subarray(CLEAR_BYTES), this.#index);
    const word = indexWord(this.#index++);
    return Buffer.concat(this.#cipher.isGcm ? [clear, body, tag, word] : [clear, body, word, tag]);
  }
}

/** Their side: what is not authentic, or came before, is nothing. */
export class SrtcpReceiver {
  readonly #cipher: SrtcpCipher;
  readonly #mkiBytes: number;
  /** RFC 3711 §3.4: each sender counts its own. */
  readonly #taken = new ReplayWindows(REPLAY_WINDOW);

  constructor(suite: SrtpSuite, master: Uint8Array, mkiBytes = 0) {
    this.#cipher = new SrtcpCipher(suite, deriveSrtcpKeys(suite, master));
    this.#mkiBytes = mkiBytes;
  }

  /** The RTCP packet inside, or undefined. Never throws. */
  unprotect(packet: Uint8Array): Buffer | undefined {
    const all = Buffer.from(packet.buffer, packet.byteOffset, packet.length);
    const { isGcm, tagBytes } = this.#cipher;
    const bodyEnd = all.length - tagBytes - INDEX_BYTES - this.#mkiBytes;
    if (bodyEnd < CLEAR_BYTES || all.length > MAX_BYTES) return undefined;
    // AEAD: tag, index, MKI. Else: index, MKI, tag.
    const wordAt = isGcm ? bodyEnd + tagBytes : bodyEnd;
    const tagAt = isGcm ? bodyEnd : all.length - tagBytes;
    const word = all.readUInt32BE(wordAt);
    // RFC 3711 §3.4 and RFC 7714 §9.2 know packets that are only authenticated; no key policy of ours asks for them.
    if (word < ENCRYPTED) return undefined;
    const index = word - ENCRYPTED;
    const ssrc = all.readUInt32BE(4);
    const known = this.#taken.find(ssrc);
    if (known === undefined ? !this.#taken.hasRoom : known.hasSeen(index)) return undefined;
    const clear = all.subarray(0, CLEAR_BYTES);
    const sealed = { body: all.subarray(CLEAR_BYTES, bodyEnd), tag: all.subarray(tagAt, tagAt + tagBytes) };
    const plain = this.#cipher.open(clear, sealed, index);
    if (plain === undefined) return undefined;
    this.#taken.note(ssrc, index);
    return Buffer.concat([clear, plain]);
  }
}

function indexWord(index: number): Buffer {
  const word = Buffer.alloc(INDEX_BYTES);
  word.writeUInt32BE(index + ENCRYPTED);
  return word;
}
